"""The list of all apps, an app's overview, and its processes one by one."""

import html
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pages_world import make_release, make_rollout, make_world
from test_consumers import IN_MEMORY, connected, tell

from releases.errors import ClusterUnavailable, NotFound
from releases.models import App, AuditEntry, Build, Source
from releases.pages import looks
from releases.pages.shared import Shared
from releases.pipeline import inspect, process_counts, reach
from releases.pipeline.inspect import Process
from tests import factories
from tests.certificates import Authority, kubeconfig
from tests.odd_server import JSON, kubernetes

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    looks._looks.clear()
    looks._answers.clear()


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


def text(response):
    """As a reader sees it: without tags, and with one blank between words."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(bare).split())


def row_of(client, name, query=""):
    page = client.get(f"/{query}").content.decode()
    found = re.search(rf'<tr id="row-{name}">.*?</tr>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split()) if found else ""


def names(client, query):
    return re.findall(r'<tr id="row-([a-z0-9-]+)">', client.get(f"/{query}").content.decode())


def app(world, name, **columns):
    made = App.objects.create(name=name, cluster=world.app.cluster, **world.actor().columns(), **columns)
    first = make_release(made, by=world.actor())
    make_rollout(made, first, "succeeded", by=world.actor())
    App.objects.filter(pk=made.pk).update(active_release=first)
    return made


def pushed(world, commit, subject, **columns):
    given = {"status": "succeeded", "origin": "push", "ref": "refs/heads/main", **world.actor().columns(), **columns}
    return Build.objects.create(app=world.app, commit=commit * 4, subject=subject, **given)


# --- The list -------------------------------------------------------------------------------------------------------


def test_a_row_says_what_runs_what_waits_and_how_it_went(deployer, world):
    App.objects.update(processes_seen={"web": [3, 4], "worker": [1, 1]})
    pushed(world, "aaaaaaaaaa", "Cache the price list", status="superseded")
    pushed(world, "bbbbbbbbbb", "Of somebody's branch", origin="pull_request")
    last = world.release(env={})
    Build.objects.filter(pk=last.build_id).update(commit="cccccccccc", subject="Take the field out")
    row = row_of(deployer, "hello")
    assert "Running" in row and world.active.pk in row and "0a1b2c3d4e Say hello" in row
    assert "2 ahead" in row and "Take the field out" in row  # of two commits the newest one's subject
    assert "Succeeded" in row and "4/5 ready" in row


def test_a_failed_rollout_is_told_with_its_reason_and_its_release_no_longer_waits(deployer, world):
    world.rollout(world.newest, "rolled_back", reason="web exited with 1.")
    row = row_of(deployer, "hello")
    assert "Rolled back" in row and "web exited with 1." in row and world.newest.pk not in row


def test_while_a_rollout_runs_its_own_squares_count(deployer, world):
    App.objects.update(processes_seen={"web": [2, 2]})
    squares = [{"service": "web", "name": name, "state": state} for name, state in (("a", "ready"), ("b", "starting"))]
    progress = {"services": {"web": {"desired": 3}}}
    world.rollout(world.newest, "rolling", squares=squares, progress=progress)
    row = row_of(deployer, "hello")
    assert "Updating" in row and "1/3 ready" in row and "Rolling" in row


def test_a_lock_and_a_stop_are_said_to_everybody(deployer, world):
    Source.objects.create(app=world.app, url="https://github.com/acme/hello", on_push="promote", webhook_secret="x")
    until = timezone.now() + timedelta(hours=1)
    App.objects.update(
        locked_at=timezone.now(), locked_until=until, locked_by_label="grace", lock_reason="the sale is on",
        stopped_at=timezone.now(), stopped_why="ada rolled back to R1.",
    )  # fmt: skip
    row = row_of(deployer, "hello")
    assert f"locked : Locked by grace, until {until:%Y-%m-%d %H:%M} UTC: the sale is on" in row
    assert "ada rolled back to R1." in row and "acme/hello" in row
    App.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert "Locked by grace" not in row_of(deployer, "hello")


def test_it_is_searched_by_name_and_repository_and_filtered_by_what_needs_attention(deployer, world):
    shop = app(world, "shop", locked_at=timezone.now(), lock_reason="no")
    Source.objects.create(app=shop, url="https://github.com/acme/Storefront", webhook_secret="x")
    make_rollout(shop, make_release(shop, by=world.actor()), "failed", by=world.actor(), reason="no")
    assert names(deployer, "") == ["hello", "shop"]
    assert names(deployer, "?q=STOREFRONT") == names(deployer, "?q=acme+sh") == ["shop"]
    assert names(deployer, "?show=locked") == names(deployer, "?show=failed") == ["shop"]
    assert names(deployer, "?show=waiting") == ["hello"] and names(deployer, "?show=waiting&q=shop") == []
    assert names(deployer, "?sort=changed") == ["shop", "hello"]
    page = text(deployer.get("/?q=zebra"))
    assert "No app has “zebra” in its name or repository. Show all 2" in page
    page = text(deployer.get("/"))
    assert "1 failed" in page and "1 waiting" in page and "1 locked" in page and "updating" not in page


@pytest.mark.parametrize(
    "query", ["q=%00", "q=%FF%FE", "show=nope", "sort=%27", f"q={'x' * 5000}", "q=%3Cscript%3E", "q"]
)
def test_odd_questions_are_answered(deployer, query):
    response = deployer.get(f"/?{query}")
    assert response.status_code == 200 and b"<script>" not in response.content


def test_the_number_of_queries_is_the_same_for_few_and_many_rows(deployer, world):
    pages = ("/", "/apps/hello", "/apps/hello/processes")

    def counts():
        found = []
        for path in pages:
            deployer.get(path)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert deployer.get(path).status_code == 200
            found.append(len(queries))
        return found

    before = counts()
    for number in range(6):
        app(world, f"more-{number}")
        world.rollout(world.release(env={"A": str(number)}), "rolled_back", reason="no")
    assert counts() == before


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_when_one_app_changes_its_row_alone_is_sent(settings):
    settings.ALLOWED_HOSTS, settings.CHANNEL_LAYERS = ["localhost"], IN_MEMORY
    channel_layers.backends.clear()
    world = await sync_to_async(make_world)()
    await sync_to_async(app)(world, "shop")
    browser = await connected("/ws/pages/apps?q=o", world.people["viewer"])
    whole = await browser.receive_from()
    assert 'id="apps-list"' in whole and 'id="row-hello"' in whole and 'id="row-shop"' in whole
    await App.objects.filter(name="shop").aupdate(processes_seen={"web": [1, 2]})
    await tell("page.apps")
    filters, changed = await browser.receive_from(), await browser.receive_from()
    assert 'id="apps-bar"' in filters and "1 not all ready" in filters
    assert changed.startswith('<tr id="row-shop"') and "1/2" in changed and "row-hello" not in changed
    await browser.disconnect()
    channel_layers.backends.clear()


def test_all_who_ask_at_once_share_an_answer_that_was_begun_after_they_asked():
    begun, go_on = threading.Event(), threading.Event()
    asked: list[None] = []

    def ask():
        asked.append(None)
        begun.set()
        assert go_on.wait(30)
        return len(asked)

    shared = Shared(ask)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(shared.get)
        assert begun.wait(30)
        others = [pool.submit(shared.get) for _ in range(5)]
        while not all(other.running() for other in others):
            continue
        go_on.set()
        assert first.result(30) == 1
        assert all(other.result(30) > 1 for other in others)


# --- How many are ready ---------------------------------------------------------------------------------------------


def deployment(name, *, namespace, ready, wanted, installation):
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": name,
        "labels": {"app.kubernetes.io/managed-by": "deployer"},
        "annotations": {"deployer/installation": installation},
    }
    return {"metadata": metadata, "spec": {"replicas": wanted}, "status": {"readyReplicas": ready}}


def test_one_question_to_a_cluster_tells_of_all_its_apps(deployer, world, settings):
    from releases.pipeline import manifests

    authority = Authority()
    with kubernetes(authority) as server:
        access = kubeconfig(server.url, authority=authority.certificate, token="t")
        far = factories.cluster("far", kind="kubeconfig", kubeconfig=reach.checked(access))
        App.objects.update(cluster=far)
        app(world, "shop")
        App.objects.update(cluster=far)
        items = [
            deployment(
                "web", namespace="deployer-hello", ready=5, wanted=4, installation=settings.DEPLOYER_INSTALLATION
            ),
            deployment(
                "worker", namespace="deployer-hello", ready=None, wanted=2, installation=settings.DEPLOYER_INSTALLATION
            ),
            deployment("web", namespace="deployer-shop", ready=1, wanted=1, installation="another"),
        ]
        for item in items:
            item["metadata"]["annotations"] = {
                manifests.INSTALLATION: item["metadata"]["annotations"]["deployer/installation"]
            }
        server.otherwise = (
            200,
            json.dumps({"kind": "DeploymentList", "metadata": {"resourceVersion": "7"}, "items": items}),
            JSON,
        )
        process_counts.settle(far)
        assert [path.partition("?")[0] for path, _ in server.asked] == ["/apis/apps/v1/deployments"]
    assert App.objects.get(name="hello").processes_seen == {"web": [4, 4], "worker": [0, 2]}
    assert "4/6 ready" in row_of(deployer, "hello") and "ready" not in row_of(deployer, "shop")


# --- The overview ---------------------------------------------------------------------------------------------------


def test_what_is_next_says_every_commit_and_what_is_lost(deployer, world):
    pushed(world, "aaaaaaaaaa", "Cache the price list", status="failed")
    pushed(world, "bbbbbbbbbb", "Of somebody's branch", origin="pull_request")
    last = world.release(env={"COLOUR": "green"}, web={"memory": 768}, worker={})
    Build.objects.filter(pk=last.build_id).update(commit="cccccccccc", subject="Take the field out")
    page = text(deployer.get("/apps/hello"))
    assert "+ cccccccccc Take the field out" in page and "+ aaaaaaaaaa Cache the price list" in page
    assert "somebody's branch" not in page
    assert "~ web scale memory 512 → 768" in page and "+ worker is a new service" in page
    assert "− env SECRET_KEY is in the active release and not in this one" in page
    assert (
        f"Promote {last.pk}" in page
        and "rolling, usually 1:10" in page
        and "why, for the history" in deployer.get("/apps/hello").content.decode()
    )


def test_what_failed_before_says_so_before_it_is_promoted_again(deployer, world):
    world.rollout(world.newest, "rolled_back", reason="web exited with 1.")
    page = deployer.get("/apps/hello")
    assert "tried before: rolled back" in text(page) and "Rollout 3 of it was rolled back: web exited with 1." in text(
        page
    )
    assert not re.search(rf'id="next-{world.newest.pk}"[^>]*class="primary"', page.content.decode())


def test_the_note_is_sent_with_the_promote_and_enter_presses_no_other_button(deployer, world):
    Source.objects.create(app=world.app, url="https://github.com/acme/hello", webhook_secret="x")
    page = deployer.get("/apps/hello").content.decode()
    assert re.search(r'<input id="next-note" name="note" form="next-promote"', page)
    buttons = re.findall(r'<button[^>]*form="next-promote"[^>]*>', page)
    assert [f"/releases/{world.newest.pk}/promote" in button for button in buttons] == [True]
    assert "acme/hello" in page and "pushes build, a person promotes" in page


def test_a_lock_is_told_in_the_head_with_the_way_out(deployer, world):
    App.objects.update(locked_at=timezone.now(), locked_by_label="grace", lock_reason="the sale is on")
    page = deployer.get("/apps/hello")
    assert "hello is locked by grace" in text(page) and "the sale is on" in text(page)
    assert "/apps/hello/settings/lock" in page.content.decode()
    assert text(page).count("hello is locked by grace since") == 1  # the reasons are written once


# --- Processes ------------------------------------------------------------------------------------------------------


def process(name, state, **given):
    return Process(
        name,
        **{
            "service": "web",
            "release": "RAAAAAAAAAA",
            "state": state,
            "restarts": 0,
            "started_at": timezone.now(),
            **given,
        },
    )


@pytest.fixture
def cluster(monkeypatch, world):
    """What the cluster says; an error is raised."""
    said: list[Any] = []

    def answer(app, **_):
        if said and isinstance(said[0], Exception):
            raise said[0]
        return list(said)

    monkeypatch.setattr(inspect, "processes", answer)
    return said


def test_processes_one_by_one_the_broken_first_with_the_reason_in_words(deployer, world, cluster):
    cluster += [
        process("web-1", "ready", release=world.active.pk, node="node-a", restarts=3),
        process("web-2", "broken", release=world.old.pk, reason="exited with 137", words="broken: exited with 137"),
        process("web-3", "starting", words="starting: ContainerCreating"),
        process("run-1", "ready", service="web", is_run=True),
    ]
    page = deployer.get("/apps/hello/processes")
    told = text(page)
    assert told.index("web-2") < told.index("web-3") < told.index("web-1 ")
    assert "✕ Broken exited with 137" in told and "◐ Starting ContainerCreating" in told and "✓ Ready" in told
    assert "node-a" in told and "not the active one" in told and "One-off commands" in told and "1 broken" in told
    raw = page.content.decode()
    assert (
        "/apps/hello/logs?service=web&amp;process=web-1" in raw
        and 'aria-label="web: 1 ready, 1 starting, 1 broken"' in raw
    )


def test_a_cluster_that_falls_silent_leaves_what_it_said_last(deployer, world, cluster, settings):
    cluster.append(process("web-1", "ready", release=world.active.pk))
    assert "✓ Ready" in text(deployer.get("/apps/hello/processes"))
    looks._looks.clear()
    cluster.insert(0, ClusterUnavailable("It refused the connection."))
    told = text(deployer.get("/apps/hello/processes"))
    assert "It refused the connection. What runs goes on running" in told and "Shown is what it said just now" in told
    assert "web-1 ✓ Ready" in told
    looks._looks.clear()
    looks._answers.clear()
    App.objects.update(processes_seen={"web": [1, 1]})
    assert "1 of 1 ready when last seen" in text(deployer.get("/apps/hello/processes"))
    looks._looks.clear()
    assert "1 of 1 ready when last seen" in text(deployer.get("/apps/hello"))


def test_stop_restart_and_scale_lead_back_to_where_they_were_pressed(deployer, world, cluster, monkeypatch):
    from releases.pipeline import operate

    done: list[Any] = []
    stoppable = operate.Stoppable("web", "Pod", None)
    monkeypatch.setattr(operate, "stoppable", lambda app, name: stoppable)
    monkeypatch.setattr(operate, "stop_process", lambda app, found: done.append("stop"))
    monkeypatch.setattr(operate, "restartable", lambda app, names: {name: {} for name in names or ("web", "worker")})
    monkeypatch.setattr(operate, "restart", lambda app, running, *_, **__: done.append(list(running)))
    monkeypatch.setattr(operate, "scalable", lambda *_: None)
    monkeypatch.setattr(operate, "scale", lambda app, service, count: done.append(count))
    here = "/apps/hello/processes"
    assert deployer.post(f"{here}/web-1/stop").url == here
    assert deployer.post("/apps/hello/restart", {"service": "web"}).url == here
    assert deployer.post("/apps/hello/restart").url == here
    assert deployer.post("/apps/hello/scale/web?on=processes", {"count": 0}).url == here
    assert "Nothing of it runs until it is scaled up again" in text(deployer.get(here))
    assert deployer.post("/apps/hello/scale/web", {"count": 2}).url == "/apps/hello"
    assert done == ["stop", ["web"], ["web", "worker"], 0, 2]
    assert AuditEntry.objects.filter(action="stop_process", subject="web-1").exists()

    def gone(app, name):
        raise NotFound("hello has no process web-1.")

    monkeypatch.setattr(operate, "stoppable", gone)
    assert "It is gone already." in text(deployer.post(f"{here}/web-1/stop", follow=True))


def test_a_viewer_is_told_why_they_may_not(client, world, cluster):
    client.force_login(world.people["viewer"])
    cluster.append(process("web-1", "ready"))
    page = client.get("/apps/hello/processes")
    for right in ("Scale", "Restart", "Stop process"):
        assert f"{right} needs the role deployer" in text(page), right
    for path in ("restart", "processes/web-1/stop", "scale/web"):
        assert client.post(f"/apps/hello/{path}", {"count": 1}).status_code == 403, path


def test_an_app_on_which_nothing_runs_says_what_to_do(deployer, world):
    App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    assert "deployer deploy -a bare ." in text(deployer.get("/apps/bare/processes"))
    assert "Nothing runs yet" in row_of(deployer, "bare")


def test_a_page_of_two_hundred_apps_goes_out_packed(client, world):
    by = world.actor()
    for number in range(200):
        App.objects.create(name=f"app-{number}", cluster=world.app.cluster, **by.columns())
    client.force_login(world.people["viewer"])
    packed = client.get("/", headers={"accept-encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip" and len(packed.content) < 40_000
    assert "Content-Encoding" not in client.get("/").headers
