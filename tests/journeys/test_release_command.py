"""The release command runs once, before anything that runs is changed."""

from pathlib import Path

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.waiting import until

# Each run leaves a line in a file that outlives it.
MIGRATE = """
import os, sys, time
with open({trace!r}, "a") as trace:
    trace.write(os.environ["DEPLOYER_RELEASE"] + "\\n")
print("migrating", flush=True)
time.sleep({seconds})
print("migrated" if not {code} else "no such table", flush=True)
sys.exit({code})
"""


def source(folder: Path, trace: Path, *, version: str, seconds: float = 0.0, code: int = 0, timeout: int = 30) -> Path:
    release = {"command": [*sources.PYTHON, "migrate.py"], "timeout": timeout}
    sources.serving(folder, version, count=1, release=release)
    (folder / "migrate.py").write_text(MIGRATE.format(trace=str(trace), seconds=seconds, code=code))
    return folder


def test_it_runs_once_and_before_the_first_process(app: App, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    told = app.deploy(source(tmp_path / "v1", trace, version="v1"))
    assert told.status == 0, told.all
    assert trace.read_text().split() == [app.release]
    places = [
        told.out.find(words) for words in (" release-command migrating", " release-command migrated", "Scaled up")
    ]
    assert -1 not in places and places == sorted(places), told.out
    assert "Status: Stopped => Pending" in told.out and "Status: Pending => Updating" in told.out
    assert app.names("jobs") == set()
    told = app.command("env", "set", "COLOUR=red")
    assert told.status == 0, told.all
    assert len(trace.read_text().split()) == 2, "a change of a variable is a promote like any other"


def test_a_rollback_runs_none(app: App, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    first = app.deployed(source(tmp_path / "v1", trace, version="v1"))
    app.deployed(source(tmp_path / "v2", trace, version="v2"))
    told = app.command("releases", "rollback", first)
    assert told.status == 0, told.all
    assert "release-command" not in told.out
    assert len(trace.read_text().split()) == 2
    app.answers("version v1")


def test_a_failure_changes_nothing_that_runs(app: App, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    first = app.deployed(source(tmp_path / "v1", trace, version="v1"))
    pods, secrets = app.names("pods"), app.names("secrets")
    told = app.deploy(source(tmp_path / "v2", trace, version="v2", code=4))
    assert told.status == 1 and "exited with 4" in told.err and "no such table" in told.all, told.all
    assert "Nothing that runs was changed." in told.err
    assert app.rollout()["status"] == "failed" and app.release == first
    assert app.names("pods") == pods and app.names("jobs") == set()
    until(lambda: app.names("secrets") == secrets, "the end of the failed release's Secret")
    assert len(trace.read_text().split()) == 2
    app.answers("version v1")


def test_a_killed_worker_does_not_run_it_twice(app: App, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    number = app.promote(app.built(source(tmp_path / "v1", trace, version="v1", seconds=1.5)))
    until(trace.exists, "the beginning of the release command")
    app.house.kill("rollouts")
    assert app.ended(number)["status"] == "succeeded", app.rollout(number)
    assert len(trace.read_text().split()) == 1
    assert [line["message"] for line in app.log(f"/rollouts/{number}") if line["stream"] == "release-command"] == [
        "migrating",
        "migrated",
    ]
    assert app.logs_are_whole()


def test_an_abort_stops_it(app: App, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    number = app.promote(app.built(source(tmp_path / "v1", trace, version="v1", seconds=60)))
    until(trace.exists, "the beginning of the release command")
    assert app.post(f"/rollouts/{number}/abort").status_code == 200
    rollout = app.ended(number)
    assert rollout["status"] == "cancelled" and "may have run in part" in rollout["reason"]
    assert app.names("pods") == set() and app.names("jobs") == set()


def test_its_time_is_limited(app: App, tmp_path: Path) -> None:
    told = app.deploy(source(tmp_path / "v1", tmp_path / "trace", version="v1", seconds=60, timeout=2))
    assert told.status == 1 and told.seconds < 60, told.all
    assert app.rollout()["status"] == "failed" and app.release == ""
