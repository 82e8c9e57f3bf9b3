"""Where a diagnosis is read: an app's as it is now, a failed rollout's as it was, and what leads to them."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pages_world import make_world
from rq import Worker

from releases import queues
from releases.models import App, Person, Rollout
from releases.pages import looks
from tests import diagnoses, listed
from tests.certificates import Authority
from tests.odd_server import OddServer, kubernetes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_cluster(settings, tmp_path) -> None:
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    looks._looks.clear()
    looks._answers.clear()


@pytest.fixture
def world(db):
    return make_world("shop")


@pytest.fixture
def viewer(client: Client, world) -> Client:
    client.force_login(world.people["viewer"])
    return client


def failed(world, report, **given: Any) -> Rollout:
    """A rollout that was rolled back, with what was found at the verdict."""
    known = {"previous": world.active, "reason": f"{diagnoses.CRASHED} exited with 1, twice.", "hint": "Read its log."}
    stored = json.loads(json.dumps(report.as_json())) if report else None
    return world.rollout(world.newest, "rolled_back", **{**known, "diagnosis": stored, **given})


def text(response) -> str:
    """As a reader sees it: without tags, and with one blank between words."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(bare).split())


# --- As it was ------------------------------------------------------------------------------------------------------


def test_a_finding_says_what_was_seen_why_likely_and_what_to_do(viewer, world):
    rollout = failed(world, diagnoses.crash_loop())
    page = viewer.get(f"{rollout.get_absolute_url()}/diagnosis")
    told, raw = text(page), page.content.decode()
    for words in (
        "✕ 1 error",
        "when the verdict fell",
        "worker-5d9c7-x2x8k , worker-5d9c7-b7c2k · worker · container main",
        "for the fifth time, and waits 80 s for the next try. KeyError: 'QUEUE_URL' — the last line it wrote.",
        "Likely: QUEUE_URL is in RZYXWVUTSRQ, which worked, and is not among this release's variables.",
        "Set QUEUE_URL and promote again.",
        "deployer env set QUEUE_URL=… -a shop",
        "exitCode 1",
        "BackOff Pod/worker-5d9c7-x2x8k × 7",
        "the run before this one",
    ):
        assert words in told, words
    assert (
        told.index("Set QUEUE_URL") < told.index("Services") < told.index("Processes 2 shown") < told.rindex("Events")
    )
    assert '<a class="button" id="finding-crash_loop-process-worker-page" href="/apps/shop/env">' in raw
    assert 'href="/help/diagnostics#crash_loop"' in raw and 'href="/apps/shop/diagnosis"' in raw
    assert "✓ Running 4 of 4" in told and "✕ Failing 0 of 2" in told


def test_of_much_a_part_is_shown_and_nothing_that_was_said_acts(viewer, world):
    rollout = failed(world, diagnoses.many())
    page = viewer.get(f"{rollout.get_absolute_url()}/diagnosis")
    told, raw = text(page), page.content.decode()
    assert "<script>alert" not in raw and "\x1b" not in raw and "evil.example" not in raw
    assert "2 errors, 1 warning" in told and "And 2 more findings." in told and "and 54 more" in told
    assert "200 shown, those in trouble first, and 300 more" in told and "And 4960 more." in told
    assert "HorizontalPodAutoscaler: forbidden: autoscaling" in told and "And 940 earlier lines." in told
    assert len(raw) < 700_000
    keys = re.findall(r' id="([^"]+)"', raw)
    assert len(keys) == len(set(keys)), "two elements of one ID"


def test_it_is_had_as_json_and_as_text(viewer, world):
    address = f"{failed(world, diagnoses.crash_loop()).get_absolute_url()}/diagnosis"
    stored = viewer.get(f"{address}.json")
    assert (
        stored.json()["findings"][0]["code"] == "crash_loop" and "attachment" in stored.headers["Content-Disposition"]
    )
    written = viewer.get(f"{address}.txt")
    assert (
        written.headers["Content-Type"].startswith("text/plain") and "KeyError: 'QUEUE_URL'" in written.content.decode()
    )


def test_where_none_is_stored_the_page_says_so(viewer, world):
    long_ago = failed(world, None).get_absolute_url()
    assert "This rollout ended before diagnoses were kept" in text(viewer.get(f"{long_ago}/diagnosis"))
    assert "This one did not: succeeded." in text(viewer.get("/apps/shop/rollouts/1/diagnosis"))
    for address in (f"{long_ago}/diagnosis.json", f"{long_ago}/diagnosis.txt", "/apps/shop/rollouts/99/diagnosis"):
        assert viewer.get(address).status_code == 404
    page = text(viewer.get(long_ago))
    assert "as it was at the verdict" not in page and "Read its log." in page


def test_one_that_still_runs_leads_to_what_is_now(viewer, world):
    rollout = world.rollout(world.newest, "rolling")
    assert viewer.get(f"{rollout.get_absolute_url()}/diagnosis").headers["Location"] == "/apps/shop/diagnosis"


# --- As it is now ---------------------------------------------------------------------------------------------------


@pytest.fixture
def server(world) -> Iterator[OddServer]:
    """A cluster in which one process of the app runs and one crashes. Commit what it is to be asked for."""
    authority = Authority()
    with kubernetes(authority) as made:
        App.objects.update(cluster=listed.cluster(made.url, authority))
        world.app.refresh_from_db()
        fails = listed.pod(world.active, 2, **listed.crashed())
        listed.serve(made, world.app, listed.running(world.active, listed.pod(world.active), fails))
        listed.log(made, world.app, "web-1-00002", "connecting\nKeyError: 'QUEUE_URL'\n", previous=True)
        yield made


@pytest.fixture
def well(redis) -> None:
    """All of Deployer's own programs report."""
    Worker(["builds", "rollouts"], connection=redis).register_birth()
    queues.reaper_is_alive(3600)


def looked_at(client: Client, query: str = "") -> Any:
    """The page, once there is an answer: a page itself does not wait long for one."""
    assert client.get(f"/apps/shop/diagnosis.json{query}").status_code == 200
    return client.get(f"/apps/shop/diagnosis{query}")


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_now_is_found_by_asking_the_cluster(viewer, world, server, well):
    told = text(looked_at(viewer))
    assert "✕ 1 error" in told and told.index("web-1-00002 exited with 1") < told.index("Services")
    assert "Diagnosis, looked at just now" in told and "1 of 2" in told and "web-1-00001" not in told
    assert "web-1-00002" in text(looked_at(viewer, "?service=web"))
    assert viewer.get("/apps/shop/diagnosis.json").json()["processes"][0]["process"] == "web-1-00002"
    assert "KeyError: 'QUEUE_URL'" in viewer.get("/apps/shop/diagnosis.txt").content.decode()
    everything = text(looked_at(viewer, "?all=1"))
    assert "web-1-00001" in everything and "web-1-00002" in everything


@pytest.mark.django_db(transaction=True)
def test_what_is_healthy_is_told_calmly_with_what_was_looked_at(viewer, world, server, well):
    listed.serve(server, world.app, listed.running(world.active, listed.pod(world.active)))
    told = text(looked_at(viewer))
    assert "No process is in trouble; 1 healthy one is not shown." in told
    assert "Nothing is wrong Looked at: 1 service, 1 of 1 process ready" in told and "✓ Healthy" in told


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "query", ["service=nope", "service=%00%FF&all=7", f"service={'x' * 5000}", "service=%3Cscript%3E"]
)
def test_odd_questions_are_answered(viewer, world, server, query):
    page = looked_at(viewer, f"?{query}")
    assert page.status_code == 200 and "<script>" not in page.content.decode().partition("<main")[2]
    assert "web-1-00002" not in text(page) or "all=7" in query
    assert viewer.get("/apps/nope/diagnosis").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_that_the_cluster_is_away_is_the_finding(viewer, world):
    told = text(looked_at(viewer))
    assert "✕ Error The cluster can't be reached" in told
    assert "What runs could not be read." in told and "No process is in trouble" not in told


@pytest.mark.django_db(transaction=True)
def test_the_admin_looks_at_apps_as_they_are_now(client, world, server):
    client.force_login(Person.objects.create_person("ann", role="administrator"))
    looked_at(client)
    page = client.post("/admin/releases/app/", {"action": "diagnose", "_selected_action": world.app.pk})
    assert "web-1-00002" in text(page) and 'href="/apps/shop/diagnosis"' in page.content.decode()


# --- On other pages -------------------------------------------------------------------------------------------------


def test_under_a_verdict_stands_what_was_found_and_nothing_twice(viewer, world):
    finding = diagnoses.crash_loop().findings[0]
    others = [finding.but(code=code, observed=f"Seen: {code}.") for code in ("not_ready", "quota_exceeded", "pulling")]
    report = diagnoses.crash_loop(findings=(finding, *others))
    page = viewer.get(failed(world, report, cause="exits").get_absolute_url())
    told = text(page)
    assert told.count("exited with 1") == 1, "the verdict and its finding say the same"
    assert (
        "Likely: QUEUE_URL is in" in told and "Set QUEUE_URL and promote again." in told and "Read its log." not in told
    )
    assert "Seen: not_ready." in told and "Seen: quota_exceeded." in told and "Seen: pulling." not in told
    assert "And 1 more: the diagnosis as it was at the verdict" in told
    assert f'{page.wsgi_request.path}/diagnosis"' in page.content.decode()


def test_a_finding_beside_the_verdict_is_told_whole(viewer, world):
    told = text(viewer.get(failed(world, diagnoses.crash_loop(), cause="deadline").get_absolute_url()))
    assert "exited with 1, twice. Read its log." in told and "It exited with 1 after 2 s, for the fifth time" in told


def test_each_page_of_an_app_leads_to_its_diagnosis(viewer, world):
    rollout = world.rollout(
        world.newest,
        "rolling",
        progress={
            "causes": [{"service": "worker", "process": "worker-1", "what": "is crashing", "words": "it exited"}]
        },
    )
    paths = ["", "/releases", "/builds", "/env", "/processes", "/logs", "/activity", "/settings"]
    paths += [f"/releases/{world.active.pk}", f"/rollouts/{rollout.number}"]
    for path in paths:
        assert 'href="/apps/shop/diagnosis">Diagnose</a>' in viewer.get(f"/apps/shop{path}").content.decode(), path
    cause = viewer.get(rollout.get_absolute_url()).content.decode()
    assert 'href="/apps/shop/diagnosis?service=worker">Diagnose' in cause
    assert "Diagnose shop" in text(viewer.get("/find?q=diagnose+shop"))


def test_what_failed_leads_to_how_it_was(viewer, world):
    rollout = failed(world, diagnoses.crash_loop())
    App.objects.update(processes_seen={"web": [1, 2]})
    address = f'href="{rollout.get_absolute_url()}/diagnosis"'
    for path in ("/", f"/apps/shop/releases/{rollout.release_id}", rollout.get_absolute_url()):
        assert address in viewer.get(path).content.decode(), path
    assert 'href="/apps/shop/diagnosis">Diagnose' in viewer.get("/").content.decode(), "fewer run than should"


def test_the_admin_tells_the_findings_of_a_rollout(client, world):
    client.force_login(Person.objects.create_person("ann", role="administrator"))
    rollout = failed(world, diagnoses.many())
    chosen = {"action": "diagnose", "_selected_action": rollout.pk}
    page = client.post("/admin/releases/rollout/", chosen)
    assert "Set QUEUE_URL and promote again." in text(page) and "<script>alert" not in page.content.decode()
    assert f'href="{rollout.get_absolute_url()}/diagnosis"' in page.content.decode()
