"""From the first deploy over everything that can be wrong with a release, and back to the first."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.load import Load
from tests.journeys.told import Told
from tests.journeys.waiting import until

CLUSTER_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ system/k8s/web\S* \S", re.MULTILINE)
RELEASE_ROW = re.compile(r"^(R[A-Z]{10})\s+(active\b)?", re.MULTILINE)


@pytest.fixture
def running(app: App, tmp_path: Path) -> str:
    """The release of an app that answers v1."""
    return app.deployed(sources.serving(tmp_path / "v1", "v1"))


def assert_undone(app: App, told: Told, before: str, *words: str) -> dict:
    """The command said why and gave 1; the release from before is back, on its own."""
    assert told.status == 1, told.all
    rollout = app.rollout()
    for word in (*words, "was rolled back", f"{before} is back on every process."):
        assert word in told.all, f"“{word}” is not in:\n{told.all}"
    assert rollout["status"] == "rolled_back"
    assert app.release == before
    assert "version v1" in app.answers("version")
    return rollout


@pytest.mark.database
def test_the_first_deploy_and_what_it_says(app: App, tmp_path: Path) -> None:
    told = app.deploy(sources.serving(tmp_path / "v1", "v1"))
    assert told.status == 0, told.all
    said = ["Packaging source... OK", "Uploading source... OK", "Starting build... OK", "Build: B", "Release: R"]
    said += [f"Promoting {app.release}...", "Status: Stopped => Pending", "Status: Pending => Updating"]
    said += ["Scaled up replica set web-", "Container started", "Status: Updating => Running"]
    places = [told.out.find(words) for words in said]
    assert -1 not in places and places == sorted(places), told.out
    assert told.out.endswith("\nOK\n")
    assert told.out.count("Build: ") == told.out.count("Release: ") == 1
    assert CLUSTER_LINE.search(told.out)
    assert f"http://{app.host}" in app.command("apps", "info").out
    app.answers("version v1 colour none")
    listed = RELEASE_ROW.findall(app.command("releases").out)
    assert listed == [(app.release, "active")]
    assert [process["state"] for process in app.get("/processes")] == ["ready", "ready"]
    assert app.logs_are_whole()


def test_v2_under_load_loses_no_request(app: App, running: str, tmp_path: Path) -> None:
    with Load(app.house.door_port, app.host) as load:
        told = app.deploy(sources.serving(tmp_path / "v2", "v2"))
        until(lambda: load.answered > 50 and (told.status or len(load.bodies) > 1), "answers of both")
    assert told.status == 0, told.all
    assert load.lost == []
    assert set(load.bodies) == {"version v1 colour none", "version v2 colour none"}


@pytest.mark.database
def test_a_crash_is_undone_while_the_previous_release_answers(app: App, running: str, tmp_path: Path) -> None:
    source = sources.write(tmp_path / "crash", sources.manifest(), {"server.py": sources.CRASH})
    with Load(app.house.door_port, app.host) as load:
        told = app.deploy(source)
    words = ["exited with 3", "has ended twice", "Cause: exits", "Hint: ", "no queue at QUEUE_URL"]
    rollout = assert_undone(app, told, running, *words)
    assert rollout["cause"] == "exits" and rollout["evidence"] == ["no queue at QUEUE_URL"]
    assert load.lost == [] and set(load.bodies) == {"version v1 colour none"}
    assert app.logs_are_whole()
    assert [row for row in RELEASE_ROW.findall(app.command("releases").out) if row[1]] == [(running, "active")]


def test_one_that_is_never_ready_is_undone_at_its_deadline(app: App, running: str, tmp_path: Path) -> None:
    told = app.deploy(sources.never_ready(tmp_path / "sick", deadline=5))
    rollout = assert_undone(app, told, running, "did not become ready within 5 s", "Cause: never_ready")
    assert rollout["cause"] == "never_ready"
    assert told.seconds > 5


HOPELESS: dict[str, tuple[dict, str, str]] = {
    "the image is missing": ({"image": f"local/nothing@sha256:{'0' * 64}"}, "can't pull its image", "Cause: pull"),
    "the command does not exist": ({"command": ["no-such-program"]}, "no-such-program", "Cause: start"),
}


@pytest.mark.parametrize("what", HOPELESS)
def test_one_that_can_not_start_is_undone_at_once(app: App, running: str, tmp_path: Path, what: str) -> None:
    section, words, cause = HOPELESS[what]
    told = app.deploy(sources.write(tmp_path / "bad", sources.manifest(**section), {"a": "b"}))
    assert_undone(app, told, running, words, cause, "Hint: ")


def test_one_that_ends_at_once_with_0_is_undone(app: App, running: str, tmp_path: Path) -> None:
    source = sources.write(tmp_path / "ends", sources.manifest(), {"server.py": sources.ENDS})
    assert_undone(app, app.deploy(source), running, "exited with 0", "Cause: exits", "nothing to do")


def test_a_first_release_that_fails_leaves_nothing(app: App, tmp_path: Path) -> None:
    source = sources.write(tmp_path / "bad", sources.manifest(command=["no-such-program"]), {"a": "b"})
    told = app.deploy(source)
    assert told.status == 1 and "Nothing runs: it was the first release." in told.all
    assert app.release == ""
    for kind in ("deployments", "services", "secrets"):
        assert app.names(kind) == set(), kind
    until(lambda: app.names("pods") == set(), "the end of what could not start")


@pytest.mark.database
def test_env_set_and_the_rollback_to_the_first(app: App, running: str) -> None:
    told = app.command("env", "set", "COLOUR=blue")
    assert told.status == 0 and told.out.endswith("\nOK\n"), told.all
    app.answers("colour blue")
    second = app.release
    assert "env add:COLOUR" in app.command("releases").out
    told = app.command("releases", "rollback", running)
    assert told.status == 0, told.all
    assert told.out.startswith(f"Rolling back to {running}...\n")
    assert told.out.endswith(f"\nOK, {app.release}\n")
    assert app.release not in (running, second)
    app.answers("version v1 colour none")
    statuses = dict(RELEASE_ROW.findall(app.command("releases").out))
    assert statuses == {app.release: "active", second: "", running: ""}
    assert app.get("/env")["variables"] == {}
    assert app.logs_are_whole()


def test_the_same_build_again_changes_nothing_and_succeeds(app: App, running: str) -> None:
    pods: Callable[[], set[str]] = lambda: app.names("pods")  # noqa: E731
    before = pods()
    told = app.command("releases", "promote", running)
    assert told.status == 0, told.all
    assert pods() == before
