"""An app's settings: what it is and its limits, domains, tokens, the lock, the webhook inbox, and its end."""

import html
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pages_world import make_world

from releases import actions
from releases.models import App, AuditEntry, Delivery, Domain, Release, Rollout, Source, Token
from releases.pages import looks
from releases.pipeline.manifests import INSTALLATION, MANAGED_BY, MANAGER
from tests import factories
from tests.certificates import Authority, kubeconfig
from tests.odd_server import JSON, kubernetes
from tests.web_server import wait_until

pytestmark = pytest.mark.django_db
SETTINGS = "/apps/hello/settings"
SECTIONS = ("", "/registry", "/domains", "/tokens", "/lock", "/danger")


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    looks._looks.clear()


def client_of(world, role):
    client = Client()
    client.force_login(world.people[role])
    return client


@pytest.fixture
def deployer(world):
    return client_of(world, "deployer")


@pytest.fixture
def viewer(world):
    return client_of(world, "viewer")


@pytest.fixture
def administrator(world):
    return client_of(world, "administrator")


@pytest.fixture
def unrolled(world):
    """An app of which the cluster knows nothing yet: what is asked of it is only remembered."""
    App.objects.update(rollouts_made=0)
    return world.app


def text(response):
    return html.unescape(response.content.decode())


# What it is


def test_the_settings_say_what_it_is_and_how_it_is_rolled_out(viewer, world, settings):
    settings.BUILDS_PER_APP, settings.BUILD_DEADLINE = 7, 5400
    page = text(viewer.get(SETTINGS))
    assert "deployer-hello" in page and "by a-deployer" in page and world.active.pk in page
    assert "deployment.strategy" in page and "rolling" in page and "10 min" in page and "deployer.yml" in page
    assert "100–125 %" in page and "250 m · 512 MiB" in page
    assert re.search(r"<td>7</td>\s*<td[^>]*>BUILDS_PER_APP", page) and "<td>90 min</td>" in page


def test_before_the_first_build_it_says_how_to_make_one(viewer, world):
    App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    assert "deployer deploy -a bare ." in text(viewer.get("/apps/bare/settings"))


def test_every_section_is_an_address_and_the_navigation_says_where_one_is(viewer, world):
    links = re.findall(r'href="(/apps/hello/[^"]+)"', text(viewer.get(SETTINGS)).split('class="sections"')[1])
    for path in [*(f"{SETTINGS}{section}" for section in SECTIONS), "/apps/hello/source", "/apps/hello/deliveries"]:
        assert path in links, path
        page = text(viewer.get(path))
        assert f'href="{path}" aria-current="page"' in page, path
        assert Client().get(path).url == f"/sign-in?next={path}"


@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_not_there_is_not_there(deployer, world, section):
    for name in ("nope", "%00", "hello%00"):
        assert deployer.get(f"/apps/{name}/settings{section}").status_code == 404


def test_a_viewer_sees_facts_and_reasons_and_no_form(viewer, world):
    Domain.objects.create(
        app=world.app, cluster=world.app.cluster, host="www.example.com", service="web", **world.actor().columns()
    )
    App.objects.update(staged={"A": "hidden-value"})
    expected = {
        "/domains": "Manage domains needs the role deployer",
        "/lock": "Lock needs the role deployer",
        "/danger": "Delete app needs the role administrator",
    }
    for section, words in expected.items():
        page = text(viewer.get(f"{SETTINGS}{section}"))
        assert words in page, section
        assert f'action="{SETTINGS}{section}"' not in page and "hidden-value" not in page, section
    assert "www.example.com" in text(viewer.get(f"{SETTINGS}/domains"))
    for path, data in {
        "domains": {"host": "a.example.com", "service": "web"},
        "domains/www.example.com/remove": {},
        "lock": {"reason": "mine"},
        "unlock": {},
        "danger": {"name": "hello"},
        "discard-staged": {},
    }.items():
        response = viewer.post(f"{SETTINGS}/{path}", data)
        assert response.status_code == 403 and "needs the role" in text(response), path
    assert App.objects.get(name="hello").lock is None and Domain.objects.count() == 1


def test_the_registry_of_the_embedded_cluster_is_none(viewer, world):
    assert "needs no registry" in text(viewer.get(f"{SETTINGS}/registry"))
    App.objects.update(cluster=factories.cluster("far", kind="kubeconfig"))
    assert "no image can be pushed" in text(viewer.get(f"{SETTINGS}/registry"))
    actions.create_registry("main", by=world.actor("administrator"), address="registry.example.com/team")
    page = text(viewer.get(f"{SETTINGS}/registry"))
    assert "registry.example.com/team" in page and "needs the role administrator" in page and "<select" not in page


# Domains


def test_a_domain_is_added_and_removed_at_once(deployer, unrolled):
    page = f"{SETTINGS}/domains"
    added = deployer.post(page, {"host": "WWW.example.com", "service": "web"}, follow=True)
    assert added.redirect_chain == [(page, 302)] and "leads to web of hello from now on" in text(added)
    assert "https://www.example.com" in text(added)
    twice = deployer.post(page, {"host": "www.example.com", "service": "web"}, follow=True)
    assert "leads there already" in text(twice) and Domain.objects.count() == 1
    removed = deployer.post(f"{page}/www.example.com/remove", follow=True)
    assert "does not lead to hello any more" in text(removed) and not Domain.objects.exists()
    assert "is no domain of hello's own" in text(deployer.post(f"{page}/www.example.com/remove", follow=True))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"host": "no domain!"}, "can't be a domain"),
        ({"host": ""}, "required"),
        ({"host": "a.example.com", "service": "nope"}, "Select a valid choice"),
        ({"host": "taken.example.com"}, "is a domain of other already"),
    ],
)
def test_a_domain_that_can_not_be_is_said_beside_the_field_and_stays_typed(deployer, world, unrolled, typed, words):
    other = App.objects.create(name="other", cluster=unrolled.cluster, **world.actor().columns())
    actions.add_domain(other, "taken.example.com", by=world.actor())
    response = deployer.post(f"{SETTINGS}/domains", {"service": "web", **typed})
    assert response.status_code in (409, 422) and words in text(response)
    assert f'value="{typed["host"]}"' in text(response) or not typed["host"]
    assert Domain.objects.count() == 1


def test_while_the_cluster_is_away_nothing_is_promised(deployer, world):
    response = deployer.post(f"{SETTINGS}/domains", {"host": "www.example.com", "service": "web"})
    assert response.status_code in (502, 503) and 'role="alert"' in text(response)
    assert 'value="www.example.com"' in text(response) and not Domain.objects.exists()


@pytest.mark.django_db(transaction=True)  # the cluster is asked in a thread of its own
def test_what_to_enter_in_dns_is_what_the_cluster_says(viewer, world, settings):
    authority, by = Authority(), world.actor("administrator")
    ingress = {
        "metadata": {"labels": {MANAGED_BY: MANAGER}, "annotations": {INSTALLATION: settings.DEPLOYER_INSTALLATION}},
        "spec": {"rules": [{"host": "www.example.com"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"ip": "2001:db8::7"}, {"hostname": "lb.test"}]}},
    }
    with kubernetes(authority) as server:
        server.otherwise = (200, json.dumps({"metadata": {"resourceVersion": "1"}, "items": [ingress]}), JSON)
        at = kubeconfig(f"https://127.0.0.1:{server.port}", authority=authority.certificate, token="t")
        cluster = actions.create_cluster("far", by=by, kubeconfig=at)
        App.objects.update(cluster=cluster)
        Domain.objects.create(app=world.app, cluster=cluster, host="www.example.com", service="web", **by.columns())
        page = f"{SETTINGS}/domains"
        shown = wait_until(lambda: "192.0.2.7" in (page_now := text(viewer.get(page))) and page_now)
    for record in ("A 192.0.2.7", "AAAA 2001:db8::7", "CNAME lb.test."):
        assert f"<code>www.example.com. {record}</code>" in shown


# Tokens


def test_tokens_that_reach_it_are_listed_to_whom_they_belong(deployer, administrator, world):
    mine, _ = Token.issue(world.people["deployer"], name="ci of mine", scopes=["build"], apps=[world.app])
    Token.issue(world.people["administrator"], name="laptop")
    other = App.objects.create(name="other", cluster=world.app.cluster, **world.actor().columns())
    Token.issue(world.people["deployer"], name="elsewhere", apps=[other])
    Token.issue(world.people["deployer"], name="long gone", lifetime=-timedelta(days=1))
    page = text(deployer.get(f"{SETTINGS}/tokens"))
    assert "ci of mine" in page and "read, build" in page and "chosen apps" in page
    assert all(name not in page for name in ("laptop", "elsewhere", "long gone", mine.digest))
    assert "1 token of other people reaches it" in page
    everybodys = text(administrator.get(f"{SETTINGS}/tokens"))
    assert "ci of mine" in everybodys and "laptop" in everybodys and "a-deployer" in everybodys


def test_a_token_is_revoked_by_its_owner_or_an_administrator(deployer, viewer, administrator, world):
    ours = [Token.issue(world.people["deployer"], name=f"number-{n}")[0] for n in range(2)]
    first, second = (f"{SETTINGS}/tokens/{token.prefix}/revoke" for token in ours)
    assert viewer.post(first).status_code == 404
    assert deployer.post(first).url == f"{SETTINGS}/tokens"
    assert administrator.post(second).url == f"{SETTINGS}/tokens"
    assert not Token.good().exists()
    assert AuditEntry.objects.filter(action="revoke_token").count() == 2


# The lock


def test_an_app_is_locked_with_a_reason_and_an_end_and_unlocked(deployer, administrator, world):
    locked = deployer.post(f"{SETTINGS}/lock", {"reason": " incident 482 ", "ends": "4"}, follow=True)
    page = text(locked)
    assert "incident 482" in page and "By a-deployer" in page and "Promoting a release" in page
    lock = App.objects.get(name="hello").lock
    assert timedelta(hours=3.9) < lock.until - timezone.now() < timedelta(hours=4.1)
    assert "Unlock hello" in text(administrator.get(f"{SETTINGS}/lock"))
    unlocked = administrator.post(f"{SETTINGS}/unlock", follow=True)
    assert "is unlocked" in text(unlocked) and App.objects.get(name="hello").lock is None
    again = administrator.post(f"{SETTINGS}/unlock")
    assert again.status_code == 409 and "is not locked" in text(again)


def test_a_lock_ends_at_the_time_that_is_typed_in_utc(deployer, world):
    until = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    given = {"reason": "freeze", "ends": "at", "until": f"{until:%Y-%m-%dT%H:%M}"}
    assert deployer.post(f"{SETTINGS}/lock", given).status_code == 302
    assert App.objects.get(name="hello").lock.until == until
    assert deployer.post(f"{SETTINGS}/lock", {"reason": "for good", "ends": ""}).status_code == 302
    lock = App.objects.get(name="hello").lock
    assert (lock.reason, lock.until) == ("for good", None)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"reason": ""}, "required"),
        ({"reason": "x" * 501}, "at most 500"),
        ({"ends": "at"}, "Say when it ends"),
        ({"ends": "1", "until": "2100-01-01T00:00"}, "choose “at the time below”"),
        ({"ends": "at", "until": "2001-01-01T00:00"}, "in the future"),
        ({"ends": "at", "until": "9999-12-31T23:59-14:00"}, "in the future"),
        ({"ends": "at", "until": "0001-01-01T00:00+14:00"}, "in the future"),
        ({"ends": "at", "until": "tomorrow"}, "valid date"),
        ({"ends": "9" * 400}, "valid choice"),
        ({"reason": "a\0b"}, "Null characters"),
    ],
)
def test_a_lock_that_can_not_be_is_said_beside_its_field(deployer, world, typed, words):
    response = deployer.post(f"{SETTINGS}/lock", {"reason": "kept as typed", "ends": "", **typed})
    assert response.status_code == 422 and words in text(response)
    assert "kept as typed" in text(response) or "reason" in typed
    assert re.search(rf'id="id_(reason|ends|until)_error">[^<]*{words}', text(response))
    assert App.objects.get(name="hello").lock is None


# The webhook inbox


def make_delivery(world, number, **columns):
    given = {"event": "push", "guid": f"guid-{number}", "status": "handled", "body": b"x" * 2048, **columns}
    return Delivery.objects.create(app=world.app, **given)


def test_deliveries_are_filtered_by_event_and_status_page_by_page(deployer, world):
    for number in range(52):
        make_delivery(world, number, decision=f"decision {number:03}")
    make_delivery(world, 52, event="ping", decision="pinged", status="failed")
    make_delivery(world, 53, event="pull_request", decision="built one", build=world.newest.build)
    page = text(deployer.get("/apps/hello/deliveries", {"event": "ping"}))
    assert "pinged" in page and "decision 0" not in page and "ws-connect" not in page
    assert "built one" in text(deployer.get("/apps/hello/deliveries", {"status": "built"}))
    assert "pinged" in text(deployer.get("/apps/hello/deliveries", {"status": "failed"}))
    first = text(deployer.get("/apps/hello/deliveries", {"event": "push"}))
    assert "decision 051" in first and "decision 001" not in first
    older = re.search(r'href="(\?before=[^"]+)"', first)
    second = text(deployer.get(f"/apps/hello/deliveries{older[1]}"))
    assert "decision 001" in second and "decision 002" not in second and "pinged" not in second
    assert "None is like that" in text(deployer.get("/apps/hello/deliveries", {"event": "push", "status": "failed"}))
    for odd in ("\0", "x" * 5000, "é\x1b"):
        assert deployer.get("/apps/hello/deliveries", {"event": odd, "status": odd}).status_code == 200, odd[:9]


def test_a_delivery_tells_its_guid_and_how_large_it_was(deployer, world):
    make_delivery(world, 1)
    page = text(deployer.get("/apps/hello/deliveries"))
    assert "guid-1" in page and re.search(r"2.0\sKB", page)


# The danger zone


def test_staged_variables_are_discarded(deployer, world):
    App.objects.update(staged={"ADDED_LATER": "one", "OTHER": None})
    page = text(deployer.get(f"{SETTINGS}/danger"))
    assert "2 staged changes" in page and "ADDED_LATER" in page
    done = deployer.post(f"{SETTINGS}/discard-staged", follow=True)
    assert "Not staged any more: ADDED_LATER, OTHER." in text(done) and "Nothing is staged." in text(done)
    assert App.objects.get(name="hello").staged == {}
    assert deployer.post(f"{SETTINGS}/discard-staged").status_code == 409


def test_before_an_app_is_deleted_it_says_what_goes_and_what_stays(administrator, world):
    release = world.release(web={}, worker={})
    manifest = release.manifest
    manifest["services"]["worker"]["volumes"] = [{"name": "data", "path": "/data", "size": 10}]
    Release.objects.filter(pk=release.pk).update(manifest=manifest)
    App.objects.update(active_release=release)
    actions.lock_app(world.app, by=world.actor(), reason="audit of the year")
    page = text(administrator.get(f"{SETTINGS}/danger"))
    assert "deployer-hello" in page and "4 releases, 4 builds, 2 rollouts" in page
    assert "data" in page and "10 GiB" in page and "audit of the year" in page and "The activity" in page


def test_an_app_is_deleted_by_typing_its_name(administrator, world):
    page = f"{SETTINGS}/danger"
    refused = administrator.post(page, {"name": "hullo"})
    assert refused.status_code == 422 and "That is not hello" in text(refused) and 'value="hullo"' in text(refused)
    away = administrator.post(page, {"name": "hello"})
    assert away.status_code == 503 and 'role="alert"' in text(away) and App.objects.filter(name="hello").exists()
    gone = administrator.post(page, {"name": "hello", "abandon": "on"}, follow=True)
    assert gone.redirect_chain == [("/", 302)] and "hello is deleted" in text(gone)
    assert "was left behind" in text(gone) and not App.objects.filter(name="hello").exists()
    assert AuditEntry.objects.filter(action="delete_app", subject="hello").exists()
    assert administrator.post(page, {"name": "hello"}).status_code == 404


def test_while_a_rollout_runs_only_an_abandoned_app_goes(administrator, world):
    rollout = world.rollout(world.newest, "rolling")
    page = f"{SETTINGS}/danger"
    words = f"Rollout {rollout.number} of hello"
    assert words in text(administrator.get(page))
    refused = administrator.post(page, {"name": "hello"})
    assert refused.status_code == 409 and words in text(refused)
    assert Rollout.objects.filter(pk=rollout.pk, status="rolling").exists()


def test_the_repository_is_disconnected_from_here(deployer, world):
    actions.set_source(world.app, by=world.actor(), url="https://github.com/ada/engine.git")
    assert "Disconnect the repository" in text(deployer.get(f"{SETTINGS}/danger"))
    assert deployer.post("/apps/hello/source/remove").url == "/apps/hello/source"
    assert not Source.objects.exists()
    assert "No repository is connected." in text(deployer.get(f"{SETTINGS}/danger"))


# However many


def test_the_pages_ask_as_often_for_many_rows_as_for_few(administrator, world, django_assert_max_num_queries):
    by = world.actor()
    for number in range(20):
        given = {"host": f"{number}.example.com", "service": "web"}
        Domain.objects.create(app=world.app, cluster=world.app.cluster, **given, **by.columns())
        Token.issue(world.people["deployer"], name=f"number-{number}", apps=[world.app])
        make_delivery(world, number, build=world.newest.build)
    for path in [*(f"{SETTINGS}{section}" for section in SECTIONS), "/apps/hello/deliveries"]:
        with django_assert_max_num_queries(16):
            administrator.get(path)
