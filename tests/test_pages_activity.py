"""Who did what, when, from where: to apps, and to the whole Deployer; as a page and as a file."""

import ast
import csv
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pages_world import make_world

from releases import actions, audit, policy
from releases.models import App, AuditEntry
from releases.models.audit_entry import GROUPS, KINDS
from releases.pages.history import events

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def see(client, world):
    """What the page says to a deployer; `role` to another."""

    def seen(path, role="deployer", **query):
        client.force_login(world.people[role])
        response = client.get(path, query)
        assert response.status_code == 200, path
        return response.content.decode()

    return seen


def told(page):
    """Its sentences, without their markup."""
    texts = []
    for item in page.split('<li><span class="mark')[1:]:
        item = item.split("<div>")[1].split("</div>")[0]
        while "<" in item:
            item = (
                item[: item.index("<")] + " " * item[item.index("<") :].startswith("<br") + item[item.index(">") + 1 :]
            )
        texts.append(" ".join(item.split()))
    return texts


def said(page):
    return [text.rsplit(" just now", 1)[0] for text in told(page)]


def test_what_was_done_is_a_sentence_with_links_and_with_what_came_of_it(see, world):
    rollout = world.rollout(world.newest, "rolled_back", reason="web exited with 1, twice.")
    page = see("/apps/hello/activity", role="viewer")
    sentence = f"a-deployer promoted {world.newest.pk}: rolled back – web exited with 1, twice."
    assert told(page)[0].startswith(f"{sentence} just now · in the browser · took")
    assert f'href="{world.newest.get_absolute_url()}"' in page and f'href="{rollout.get_absolute_url()}"' in page
    assert told(see("/activity"))[0].startswith(f"you promoted {world.newest.pk} in hello: rolled back")


def test_a_rollback_names_what_it_went_back_to_and_an_app_is_named_once(see, world):
    copy = actions.rollback(world.old, by=world.actor()).release
    audit.record("create_app", by=world.actor(), app=world.app)
    audit.record("rollback", by=world.actor(), app=world.app, subject=copy.pk, rollout=1)  # as older ones are
    page = see("/activity")
    assert said(page)[:3] == [
        f"you rolled back to {copy.pk} in hello",
        "you created the app hello",
        f"you rolled back to {world.old.pk} in hello: queued",
    ]
    assert f'href="{world.old.get_absolute_url()}"' in page


def test_it_is_narrowed_down_by_what_is_in_the_address(see, world):
    AuditEntry.objects.all().delete()
    app, by, other = world.app, world.actor(), world.actor("administrator")
    shop = App.objects.create(name="shop", cluster=app.cluster, **by.columns())
    push = policy.automatic("push by ada")
    token = policy.actor_for(world.people["deployer"], via="token ci")
    audit.record("create_build", by=push, app=app, subject="BAAAAAAAAAA")  # 0
    audit.record("set_env", by=token, app=app, subject=world.newest.pk, set=["COLOUR"], unset=["OLD"])  # 1
    audit.record("scale", by=other, app=shop, subject="web", count=3)  # 2
    audit.record("lock", by=other, app=app, subject="hello", reason="incident 482")  # 3
    AuditEntry.objects.filter(action="create_build").update(at=timezone.now() - timedelta(days=20))
    sentences = [
        "push by ada started build BAAAAAAAAAA in hello",
        "you changed variables: COLOUR −OLD in hello",
        "a-administrator scaled web to 3 in shop",
        "a-administrator locked hello: incident 482 in hello",
    ]
    for query, expected in [
        ({}, [3, 2, 1, 0]),
        ({"app": "shop"}, [2]),
        ({"kind": "variables"}, [1]),
        ({"kind": "settings"}, [3]),
        ({"kind": "promotes"}, []),
        ({"person": "a-deployer"}, [1]),
        ({"person": "push"}, [0]),
        ({"person": "push by ada"}, [0]),
        ({"days": "7"}, [3, 2, 1]),
        ({"person": "a-administrator", "kind": "processes", "app": "shop"}, [2]),
        ({"q": "colour"}, [1]),
        ({"q": "INCIDENT 482"}, [3]),
        ({"q": "baaaaaaaaaa"}, [0]),
        ({"q": "push"}, [0]),
    ]:
        found = told(see("/activity", **query))
        assert all(text.startswith(sentences[number]) for text, number in zip(found, expected, strict=True)), query
    assert "token ci" in told(see("/activity", kind="variables"))[0]


def test_who_does_not_run_the_house_reads_of_apps_and_of_themselves_alone(see, world):
    administrator, viewer = world.actor("administrator"), world.actor("viewer")
    audit.record("create_person", by=administrator, subject="newcomer", role="viewer")
    audit.record("create_token", by=viewer, subject="abc", name="my laptop")
    audit.record("sign_in", by=administrator, subject="", how="password")
    audit.record("run", by=administrator, app=world.app, subject=world.active.pk, command="vacuum --password hunter22")
    everything = see("/activity", role="administrator")
    assert "added newcomer, a viewer" in everything and "signed in" in everything and "my laptop" in everything
    page = see("/activity", role="viewer")
    assert "newcomer" not in page and "signed in" not in page and "made the token my laptop" in page
    assert "my laptop" not in see("/activity")
    for role in ("viewer", "administrator"):
        assert "ran a command with" in see("/activity", role=role, q="ran a command")
        assert "hunter22" not in see("/activity", role=role)
        assert told(see("/activity", role=role, q="hunter22")) == []  # what may not be read can't be found


def test_an_app_of_the_same_name_has_a_history_of_its_own(see, world):
    audit.record("lock", by=world.actor(), app=world.app, subject="hello", reason="the former one")
    AuditEntry.objects.all().update(at=timezone.now() - timedelta(days=1))
    assert told(see("/apps/hello/activity")) == []
    page = see("/activity", app="hello")
    assert "the former one" in page and 'href="/apps/hello"' not in page.split('id="activity-list"')[1]


def test_pages_follow_each_other_without_a_gap(see, world):
    AuditEntry.objects.all().delete()
    for number in range(120):
        audit.record("scale", by=world.actor(), app=world.app, subject="web", count=number)
    AuditEntry.objects.all().update(at=timezone.now())  # all in one moment
    pages, address = [], "/apps/hello/activity?kind=processes"
    while address:
        page = see(address)
        pages.append(said(page))
        links = page.split('id="older" rel="next" href="')
        address = "/apps/hello/activity" + links[1].split('"')[0].replace("&amp;", "&") if links[1:] else ""
        audit.record("scale", by=world.actor(), app=world.app, subject="web", count=999)
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [text for page in pages for text in page] == [
        f"you scaled web to {number}" for number in reversed(range(120))
    ]


def calls_of_record():
    for path in Path(policy.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            is_one = isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record" and node.args
            if is_one and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_whatever_is_written_down_has_words():
    done = set(calls_of_record())
    assert {"sign_in_link", "lock", "run"} <= done
    assert done - set(events.WORDS) == set()


def test_each_entry_has_a_kind(world):
    for action, kind in [
        ("promote", "promotes"),
        ("set_env", "variables"),
        ("sign_in", "access"),
        ("lock", "settings"),
    ]:
        audit.record(action, by=world.actor(), app=world.app)
        assert AuditEntry.objects.latest("pk").kind == kind
    assert set(GROUPS) < set(KINDS)
    assert sum(map(len, GROUPS.values())) == len({action for actions in GROUPS.values() for action in actions})


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.django_db(transaction=True)
def test_the_file_is_what_the_page_says_and_taking_all_of_it_is_written_down(client, world):
    rollout = world.rollout(world.newest, "succeeded")
    audit.record("create_person", by=world.actor("administrator"), subject="@evil", role="viewer")

    def rows(path, role, **query):
        client.force_login(world.people[role])
        response = client.get(path, query)
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"), newline="")))

    [row] = rows("/activity.csv", "viewer", q=world.newest.pk)
    seconds = (rollout.finished_at - type(rollout).objects.get(pk=rollout.pk).created_at).total_seconds()
    assert row | {"at": ""} == {
        "at": "",
        "by": "a-deployer",
        "from": "browser",
        "kind": "promotes",
        "action": "promote",
        "app": "hello",
        "subject": world.newest.pk,
        "what": f"promoted {world.newest.pk}",
        "rollout": "3",
        "outcome": "Succeeded",
        "seconds": f"{seconds:.3f}",
        "reason": "",
    }
    assert not [row for row in rows("/activity.csv", "viewer") if row["kind"] == "access"]
    assert not AuditEntry.objects.filter(action="export_activity").exists()
    [made] = [row for row in rows("/activity.csv", "administrator", kind="access") if row["action"] == "create_person"]
    assert made["subject"] == "'@evil"
    entry = AuditEntry.objects.get(action="export_activity")
    assert entry.by == world.people["administrator"] and entry.detail == {"asked": "kind=access"}
    assert len(rows("/apps/hello/activity.csv", "viewer")) == 3
