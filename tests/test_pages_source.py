"""The pages of a source: connect, build, webhooks and their inbox, a stop and its end, registries."""

import html
import re
import subprocess

import pytest
from django.test import Client
from django.utils import timezone
from git_server import Origin
from pages_world import make_world

from releases import actions
from releases.models import App, AuditEntry, Build, Delivery, Registry, Source
from releases.models.build import WAITING
from tests import factories

pytestmark = pytest.mark.django_db
URL = "https://github.com/ada/engine.git"
COMMIT = "0a1b2c3d4e" * 4
TOKEN = "ghp_very_secret_token"
WISH = {"url": URL, "branch": "main", "on_push": "build"}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "git")


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


@pytest.fixture
def viewer(world):
    client = Client()
    client.force_login(world.people["viewer"])
    return client


@pytest.fixture
def administrator(world):
    client = Client()
    client.force_login(world.people["administrator"])
    return client


def text(response):
    return html.unescape(response.content.decode())


def connect(world, **wish):
    return actions.set_source(world.app, by=world.actor(), **{**WISH, **wish})[0]


def make_delivery(world, number=1, **columns):
    given = {"event": "push", "guid": f"guid-{number}", "status": "handled", "body": b"{}", **columns}
    return Delivery.objects.create(app=world.app, **given)


# Connecting


def test_an_app_without_a_repository_says_how_to_connect_one(deployer, world):
    page = text(deployer.get("/apps/hello/source"))
    assert "Connect a repository" in page and "/hooks/github/hello" in page
    assert "connect one first" in text(deployer.get("/apps/hello/deliveries"))
    assert "Build main" not in text(deployer.get("/apps/hello"))


def test_connecting_shows_the_webhooks_secret_once(deployer, world):
    response = deployer.post("/apps/hello/source/change", {**WISH, "token": TOKEN})
    source = Source.objects.get(app=world.app)
    assert response.status_code == 200 and "no-store" in response["Cache-Control"]
    assert source.webhook_secret.open() in text(response) and "not shown again" in text(response)
    assert TOKEN not in text(response)
    page = text(deployer.get("/apps/hello/source"))
    assert source.webhook_secret.open() not in page and TOKEN not in page
    assert "a token (set)" in page and "Token (set)" in page
    assert AuditEntry.objects.filter(action="set_source", app_name="hello").exists()


def test_a_blank_token_keeps_what_is_stored_and_a_box_forgets_it(deployer, world):
    connect(world, token=TOKEN)
    assert deployer.post("/apps/hello/source/change", {**WISH, "branch": "next"}).status_code == 302
    assert Source.objects.get().token.open() == TOKEN
    deployer.post("/apps/hello/source/change", {**WISH, "forget": "on"})
    assert not Source.objects.get().token
    assert "it has to be public" in text(deployer.get("/apps/hello/source"))


def test_a_key_from_a_browser_loses_its_carriage_returns(deployer, world, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    key = (tmp_path / "key").read_text()
    wish = {**WISH, "url": "git@github.com:ada/engine.git", "deploy_key": key.replace("\n", "\r\n")}
    response = deployer.post("/apps/hello/source/change", wish)
    assert response.status_code == 200, text(response)
    assert Source.objects.get().deploy_key.open() == key
    assert key.split()[5] not in text(response)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"url": "/etc/passwd"}, "✕"),
        ({"url": f"https://ada:{TOKEN}@github.com/ada/engine.git"}, "✕"),
        ({"branch": "a..b"}, "✕"),
        ({"on_push": "everything"}, "Select a valid choice"),
        ({"wait_for_checks": "on"}, "choose that, or don't wait"),
        ({"token": TOKEN, "deploy_key": "x"}, "one of them is enough"),
        ({"token": "", "deploy_key": "KEYTEXT", "url": "git@github.com:ada/engine.git"}, "✕"),
        ({"url": ""}, "required"),
    ],
)
def test_what_can_not_be_is_said_above_the_fields_and_secrets_do_not_come_back(deployer, world, wish, words):
    response = deployer.post("/apps/hello/source/change", {**WISH, "token": TOKEN, **wish})
    assert response.status_code == 422
    assert words in text(response) and not Source.objects.exists()
    field = re.search(r'<input type="password"[^>]*>', text(response))
    assert field and TOKEN not in field[0] and "KEYTEXT" not in text(response)


def test_a_new_secret_ends_the_old_one(deployer, world):
    old = connect(world).webhook_secret.open()
    response = deployer.post("/apps/hello/source/secret")
    new = Source.objects.get().webhook_secret.open()
    assert new != old and new in text(response) and old not in text(response)
    assert "no-store" in response["Cache-Control"]


def test_the_connection_is_tested_and_says_what_is_there(deployer, world, tmp_path, settings):
    settings.GIT_TRANSPORTS = frozenset({"file"})
    origin = Origin(tmp_path / "engine")
    commit = origin.commit({"a": "1"})
    connect(world, url=f"file://{origin.folder}", branch="main")
    page = text(deployer.post("/apps/hello/source/test"))
    assert "It answers: 1 branch." in page and commit[:10] in page
    Source.objects.update(branch="gone")
    assert "has no branch gone" in text(deployer.post("/apps/hello/source/test"))
    Source.objects.update(url=f"file://{tmp_path}/nothing")
    assert 'role="alert"' in text(deployer.post("/apps/hello/source/test"))


def test_what_is_wrong_is_said_on_the_source_and_on_the_app(deployer, world):
    connect(world, token=TOKEN)
    trouble = {"problem": "The repository does not exist.", "problem_since": timezone.now()}
    Source.objects.update(**trouble, report_problem="GitHub forbids it.", reports_since=timezone.now())
    page = text(deployer.get("/apps/hello/source"))
    assert "The repository does not exist." in page and "GitHub forbids it." in page
    assert "The repository does not exist." in text(deployer.get("/apps/hello"))


def test_whether_github_is_told_is_said(deployer, world):
    connect(world)
    assert "Off: give a token" in text(deployer.get("/apps/hello/source"))
    connect(world, token=TOKEN)
    assert "each rollout a deployment" in text(deployer.get("/apps/hello/source"))
    connect(world, url="https://git.example.com/ada/engine.git")
    assert "nobody is told" in text(deployer.get("/apps/hello/source"))


def test_disconnecting_keeps_what_was_built(deployer, world):
    connect(world)
    make_delivery(world)
    assert deployer.post("/apps/hello/source/remove").url == "/apps/hello/source"
    assert not Source.objects.exists() and Delivery.objects.exists()
    again = deployer.post("/apps/hello/source/remove")
    assert again.status_code == 409 and "has no repository" in text(again)


# Building


def test_build_its_branch_with_one_button(deployer, world):
    connect(world, branch="trunk")
    assert "Build trunk" in text(deployer.get("/apps/hello"))
    response = deployer.post("/apps/hello/build")
    build = Build.objects.get(origin="git")
    assert response.url == build.get_absolute_url()
    assert (build.ref, build.commit, build.promote) == ("refs/heads/trunk", "", False)


def test_build_a_commit_or_a_tag_and_promote_it(deployer, world):
    connect(world)
    deployer.post("/apps/hello/build", {"commit": COMMIT.upper(), "promote": "on"})
    deployer.post("/apps/hello/build", {"commit": " v1.2 "})
    made = list(Build.objects.filter(origin="git").order_by("created_at").values_list("commit", "ref", "promote"))
    assert made == [(COMMIT, "", True), ("", "v1.2", False)]


def test_no_build_of_what_can_not_be(deployer, world):
    refused = deployer.post("/apps/hello/build")
    assert refused.status_code == 422 and "no repository yet" in text(refused)
    connect(world)
    assert deployer.post("/apps/hello/build", {"commit": "--upload-pack=evil"}).status_code == 422
    assert deployer.post("/apps/hello/build", {"commit": "x" * 300}).status_code == 422
    assert not Build.objects.filter(origin="git").exists()


def test_a_build_says_where_it_came_from_and_who_made_its_images(deployer, world):
    build = Build.objects.create(
        app=world.app,
        status="succeeded",
        origin="push",
        repository=URL,
        ref="refs/heads/main",
        commit=COMMIT,
        by_label="push by ada",
        builder="docker",
        builder_why="there is a Docker Engine",
        images={"web": "registry.example.com/hello@sha256:" + "1" * 64},
        log_removed_at=timezone.now(),
        images_removed_at=timezone.now(),
    )
    page = text(deployer.get(build.get_absolute_url()))
    assert f"https://github.com/ada/engine/commit/{COMMIT}" in page
    assert "docker: there is a Docker Engine." in page and "push by ada" in page and "by push by" not in page
    assert "@sha256:" + "1" * 64 in page
    assert "The log was removed on" in page and "Its images were removed on" in page and "data-log" not in page


def test_an_upload_has_no_repository_to_link(deployer, world):
    page = text(deployer.get(world.newest.build.get_absolute_url()))
    assert "an upload" in page and "/commit/" not in page


def test_only_where_it_is_known_a_commit_has_a_link(deployer, world):
    build = world.newest.build
    for repository in ("https://git.example.com/ada/engine.git", "git@git.example.com:ada/engine.git", "file:///srv/x"):
        Build.objects.filter(pk=build.pk).update(origin="git", repository=repository, commit=COMMIT)
        page = text(deployer.get(build.get_absolute_url()))
        assert COMMIT in page and "/commit/" not in page and repository in page
    Build.objects.filter(pk=build.pk).update(repository="git@github.com:ada/engine.git")
    assert f'"https://github.com/ada/engine/commit/{COMMIT}"' in text(deployer.get(build.get_absolute_url()))


def test_what_waits_for_green_checks_is_on_the_app(deployer, world):
    connect(world)
    build = world.newest.build
    Build.objects.filter(pk=build.pk).update(checks=WAITING, checks_words="2 of 5 checks run.")
    page = text(deployer.get("/apps/hello"))
    assert "Waits for checks" in page and "2 of 5 checks run." in page
    assert "promoted once GitHub's checks are green" in text(deployer.get(build.get_absolute_url()))


def test_what_is_queued_says_what_it_waits_for(deployer, world):
    first, second = (Build.objects.create(app=world.app, by_label="ada") for _ in range(2))
    words = f"2nd in line: {first.pk} of hello comes first."
    assert words in text(deployer.get("/apps/hello")) and words in text(deployer.get(second.get_absolute_url()))
    rollout = world.rollout(world.newest, "queued")
    for path in ("/apps/hello", rollout.get_absolute_url()):
        assert "Waits for a worker" in text(deployer.get(path))


def test_what_is_promoted_later_is_not_called_promoted(deployer, world):
    build = world.newest.build
    Build.objects.filter(pk=build.pk).update(promote=True)
    assert "which is promoted" in text(deployer.get(build.get_absolute_url()))
    running = world.rollout(world.active, "rolling")
    App.objects.filter(pk=world.app.pk).update(next_release=world.newest)
    page = text(deployer.get(build.get_absolute_url()))
    assert f"waits for the end of rollout {running.number}" in page and "which is promoted" not in page


# Stopping


def test_an_app_that_stopped_says_who_and_why_and_goes_on_by_a_button(deployer, viewer, world):
    connect(world, on_push="promote")
    App.objects.update(stopped_at=timezone.now(), stopped_by="bob", stopped_why="bob rolled back to R1.")
    page = text(deployer.get("/apps/hello"))
    assert "has stopped promoting by itself" in page and "because of bob" in page and "bob rolled back to R1." in page
    seen = text(viewer.get("/apps/hello"))
    assert "Resume needs the role deployer, here or in general." in seen and re.search(
        r'id="resume"[^>]* disabled', seen
    )
    assert viewer.post("/apps/hello/resume").status_code == 403
    assert deployer.post("/apps/hello/resume").url == "/apps/hello"
    assert Source.objects.get().stopped_at is None
    assert deployer.post("/apps/hello/resume").status_code == 409


# The inbox


def test_the_inbox_shows_decisions_builds_and_replays(deployer, world):
    connect(world)
    delivery = make_delivery(world, decision="built", build=world.newest.build, ref="refs/heads/main", commit=COMMIT)
    make_delivery(world, 2, decision="skipped: another branch", ref="refs/heads/other", sender="<b>eve</b>")
    page = deployer.get("/apps/hello/deliveries").content.decode()
    assert "skipped: another branch" in page and world.newest.build.get_absolute_url() in page
    assert "&lt;b&gt;eve" in page
    response = deployer.post(f"/apps/hello/deliveries/{delivery.pk}/replay")
    assert response.url == "/apps/hello/deliveries"
    delivery.refresh_from_db()
    assert delivery.status == "received" and delivery.replayed_by == "a-deployer"
    again = deployer.post(
        f"/apps/hello/deliveries/{delivery.pk}/replay", HTTP_REFERER="http://testserver/apps/hello/deliveries"
    )
    assert again.status_code == 409 and "waiting to be handled already" in text(again)


def test_an_old_delivery_can_not_be_replayed_and_says_so(deployer, world):
    delivery = make_delivery(world, body=None)
    assert "too old to replay" in text(deployer.get("/apps/hello/deliveries"))
    assert deployer.post(f"/apps/hello/deliveries/{delivery.pk}/replay").status_code == 409


def test_the_inbox_is_read_page_by_page(deployer, world):
    for number in range(51):
        make_delivery(world, number, decision=f"decision {number:03}")
    first = text(deployer.get("/apps/hello/deliveries"))
    assert "decision 050" in first and "decision 000" not in first and "ws-connect" in first
    older = re.search(r"\?before=\d+", first)
    second = text(deployer.get(f"/apps/hello/deliveries{older[0]}"))
    assert "decision 000" in second and "decision 001" not in second and "ws-connect" not in second
    for odd in ("x", "-1", "9" * 19, "9" * 5000, "²", ""):
        assert deployer.get("/apps/hello/deliveries", {"before": odd}).status_code == 200, odd[:9]
    assert deployer.post(f"/apps/hello/deliveries/{'9' * 30}/replay").status_code == 404


def test_an_empty_inbox_says_how_to_fill_it(deployer, world):
    connect(world)
    page = text(deployer.get("/apps/hello/deliveries"))
    assert "No delivery yet" in page and "application/json" in page


# Who may


def test_a_viewer_looks_and_is_told_why_not(viewer, world):
    connect(world, token=TOKEN)
    delivery = make_delivery(world)
    page = text(viewer.get("/apps/hello/source"))
    assert (
        "Manage source needs the role deployer, here or in general." in page
        and "<textarea" not in page
        and TOKEN not in page
    )
    assert "Replay delivery needs the role deployer, here or in general." in text(viewer.get("/apps/hello/deliveries"))
    for path in ("source/change", "source/secret", "source/test", "source/remove", "build"):
        response = viewer.post(f"/apps/hello/{path}", WISH)
        assert response.status_code == 403 and "needs the role deployer" in text(response), path
    assert viewer.post(f"/apps/hello/deliveries/{delivery.pk}/replay").status_code == 403


def test_nobody_gets_in_without_a_sign_in(world):
    for path in ("apps/hello/source", "apps/hello/deliveries", "registries", "registries/new"):
        assert Client().get(f"/{path}").url == f"/sign-in?next=/{path}"
    for path in ("apps/hello/source/change", "apps/hello/build", "apps/hello/resume", "registries/x/change"):
        assert "/sign-in" in Client().post(f"/{path}").url


def test_the_admin_shows_no_secret(administrator, world):
    connect(world, token=TOKEN)
    delivery = make_delivery(world, body=b"the-body")
    for path in ("source", f"source/{Source.objects.get().pk}/change", "delivery", f"delivery/{delivery.pk}/change"):
        response = administrator.get(f"/admin/releases/{path}/")
        assert response.status_code == 200, path
        for secret in (TOKEN, "webhook_secret", "the-body", Source.objects.get().token.ciphertext):
            assert secret not in text(response)


# Registries


def test_a_registry_is_added_changed_and_forgotten(administrator, world):
    assert "No registry yet" in text(administrator.get("/registries"))
    wish = {"name": "main", "address": "registry.example.com:5000/team", "username": "bot", "password": "pw-secret"}
    assert administrator.post("/registries/new", wish).url == "/registries/main"
    assert "registry.example.com:5000/team" in text(administrator.get("/registries"))
    page = text(administrator.get("/registries/main"))
    assert "pw-secret" not in page and "with a password (set)" in page and "Not tried yet" in page
    change = {"address": wish["address"], "username": "bot", "password": ""}
    assert administrator.post("/registries/main/change", change).status_code == 302
    assert Registry.objects.get().password.open() == "pw-secret"
    assert administrator.post("/registries/main/remove").url == "/registries"
    assert not Registry.objects.exists()


def test_a_registry_that_can_not_be_is_refused_without_its_password(administrator, deployer, world):
    wish = {"name": "main", "address": "https://registry.example.com", "username": "bot", "password": "pw-secret"}
    for given in (
        {},
        {"name": "new", "address": "registry.example.com"},
        {"address": "registry.example.com", "username": ""},
    ):
        response = administrator.post("/registries/new", {**wish, **given})
        assert response.status_code == 422 and "✕" in text(response) and "pw-secret" not in text(response)
    assert deployer.post("/registries/new", {**wish, "address": "registry.example.com"}).status_code == 403
    assert "needs the role administrator" in text(deployer.get("/registries"))
    assert not Registry.objects.exists()


def test_an_app_of_a_real_cluster_names_its_registry(administrator, deployer, world):
    by = world.actor("administrator")
    for name in ("main", "mirror"):
        actions.create_registry(name, by=by, address=f"{name}.example.com")
    page = "/apps/hello/settings/registry"
    assert "which needs no registry" in text(administrator.get(page))
    App.objects.update(cluster=factories.cluster("far", kind="kubeconfig"))
    assert administrator.post("/apps/hello/registry", {"registry": "mirror"}).url == page
    assert '"mirror" selected' in text(administrator.get(page))
    assert "needs the role administrator" in text(deployer.post("/apps/hello/registry", {"registry": ""}))
    assert administrator.post("/apps/hello/registry", {"registry": "none"}).status_code == 422
    administrator.post("/apps/hello/registry", {"registry": ""})
    assert App.objects.get(name="hello").registry is None


def test_a_registry_that_does_not_answer_is_a_finding(administrator, world):
    actions.create_registry("main", by=world.actor("administrator"), address="127.0.0.1:1/team")
    response = administrator.post("/registries/main/test")
    assert response.status_code == 200 and 'role="alert"' in text(response)
    assert "Can't be used" in text(administrator.get("/registries"))
