"""Whatever is killed, and whenever: each deploy ends right, and no log has a gap."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import databases
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import QUICK, House
from tests.journeys.load import Load
from tests.journeys.processes import WORKERS
from tests.journeys.told import Told, finished
from tests.journeys.waiting import until

KILLS = 3
# Of the moments of a deploy: its beginning, and most of build and rollout.
DEPLOY_SECONDS = 2.5


class Deploy:
    """A deploy that runs in the background while something befalls the house."""

    def __init__(self, app: App, source: Path) -> None:
        self.app, self.before = app, len(app.get("/rollouts")["items"])
        self.begun = time.monotonic()
        self.written = source.parent / f"{app.name}.out"
        self.process = app.house.start_command("deploy", str(source), "-a", app.name, written=self.written)

    def ended(self) -> Told:
        return finished(self.process, self.begun, written=self.written)

    def rolls(self) -> None:
        """Waits until its rollout changes the cluster."""
        until(lambda: len(self.app.get("/rollouts")["items"]) > self.before, "a rollout")
        self.app.reaches(self.before + 1, "rolling", "succeeded")

    def follows(self) -> None:
        """Waits until the command prints what its rollout says."""
        until(lambda: " system/" in self.written.read_text(), "a line of the rollout")

    def ended_right(self, version: str) -> Told:
        """Exit status 0, the new version everywhere, no gap and no double in any log."""
        told = self.ended()
        assert told.status == 0, f"{told.all}\n--- the house:\n{self.app.house.log_tail()}"
        assert self.app.logs_are_whole()
        self.app.answers(f"version {version}")
        printed = [line for line in told.out.splitlines() if " system/" in line]
        assert printed == spoken(self.app), "the command printed a line twice, or missed one"
        return told


def spoken(app: App) -> list[str]:
    log = app.log(f"/rollouts/{app.rollout()['number']}")
    return [
        f"{line['time']} {line['stream']} {line['message']}" for line in log if line["stream"].startswith("system/")
    ]


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A source whose rollout takes a few seconds: a second service must have run for two."""
    folder = sources.serving(tmp_path / "slow", "v1")
    text = sources.manifest()
    text["services"]["worker"] = sources.worker(verify=2)
    return sources.write(folder, text, {"worker.py": sources.WORKER})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that may be ended as a whole."""
    house = House(tmp_path_factory.mktemp("own"), **QUICK)
    try:
        house.start()
        yield house
        assert house.stop() == []
    finally:
        house.remove()


@pytest.mark.parametrize("seed", [random.randrange(10**6) for _ in range(KILLS)], ids=lambda seed: "killed")
def test_all_workers_are_killed_at_a_random_moment(app: App, slow: Path, seed: int) -> None:
    moment = random.Random(seed).uniform(0.4, DEPLOY_SECONDS)
    print(f"seed {seed}: all workers are killed after {moment:.2f} s")
    deploy = Deploy(app, slow)
    time.sleep(moment)  # the one sleep here: a random moment is what this is about
    app.house.kill(*WORKERS)
    deploy.ended_right("v1")
    assert len(app.get("/rollouts")["items"]) == len(app.get("/builds")["items"]) == 1


def test_the_web_server_is_killed_and_the_command_goes_on(app: App, tmp_path: Path) -> None:
    go = tmp_path / "go"
    deploy = Deploy(app, sources.held(tmp_path / "v1", "v1", go))
    deploy.follows()
    app.house.kill("web")
    go.touch()
    told = deploy.ended_right("v1")
    assert "The connection to" in told.err and "was lost; trying again" in told.err


def test_redis_is_killed_while_it_rolls(app: App, slow: Path) -> None:
    deploy = Deploy(app, slow)
    deploy.rolls()
    app.house.kill("redis")
    deploy.ended_right("v1")
    until(app.house.is_ready, "a ready house")
    assert app.command("env", "set", "COLOUR=green").status == 0
    app.answers("colour green")


def test_the_cluster_is_killed_while_it_rolls(app: App, slow: Path) -> None:
    app.deployed(sources.serving(slow.parent / "before", "v0"))
    before = app.pids()
    assert len(before) == 2
    deploy = Deploy(app, slow)
    deploy.rolls()
    app.house.kill("cluster")
    app.answers("version v")
    deploy.ended_right("v1")
    until(lambda: len(app.pids()) == 3 and not before & app.pids(), "the end of the old processes")


def test_apps_outlive_the_cluster_s_death(app: App, tmp_path: Path) -> None:
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    pods, pids = app.names("pods"), app.pids()
    app.house.kill("cluster")
    until(lambda: len(app.house.processes("cluster")) == 1 and app.house.is_ready(), "the cluster")
    app.answers("version v1")
    assert app.names("pods") == pods
    assert app.pids() == pids
    assert [process["restarts"] for process in app.get("/processes")] == [0, 0]


def test_ctrl_c_and_the_next_start_brings_the_apps_back(own: House, tmp_path: Path) -> None:
    app = own.app("sleeper")
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    assert own.stop() == []
    own.start()
    app.answers("version v1")
    assert own.command("scale", "web=1", "-a", "sleeper").status == 0
    until(lambda: len(app.get("/processes")) == 1, "one process")


def test_the_supervisor_is_killed_and_the_next_start_is_right(own: House, tmp_path: Path, slow: Path) -> None:
    app = own.app("phoenix")
    first = app.deployed(sources.serving(tmp_path / "v0", "v0"))
    deploy = Deploy(app, slow)
    deploy.rolls()
    own.kill("supervisor")
    assert own.supervisor and own.supervisor.wait(30)
    assert own.left_over() == []
    own.start()
    deploy.ended_right("v1")  # the command waited for the server to come back
    assert app.ended(2)["status"] == "succeeded" and app.release != first
    assert own.command("apps").status == 0
    assert own.session().http.get("/apps/phoenix").status_code == 200


# --- Abort ----------------------------------------------------------------------------------------------------------


def test_an_abort_while_it_rolls_brings_the_previous_release_back(app: App, tmp_path: Path) -> None:
    first = app.deployed(sources.serving(tmp_path / "v1", "v1"))
    number = app.promote(app.built(sources.never_ready(tmp_path / "sick")))
    app.reaches(number, "rolling")
    with Load(app.house.door_port, app.host) as load:
        told = app.command("rollouts", "abort", str(number))
    assert told.status == 0 and told.out.endswith("\nOK\n"), told.all
    rollout = app.rollout(number)
    assert rollout["status"] == "rolled_back" and rollout["cause"] == "aborted"
    assert app.release == first and load.lost == [] and set(load.bodies) == {"version v1 colour none"}
    again = app.post(f"/rollouts/{number}/abort")
    assert again.status_code == 409 and "is over already" in again.json()["error"]["message"]
    assert app.logs_are_whole()


def test_an_abort_of_a_queued_one_changes_nothing(app: App, tmp_path: Path) -> None:
    release = app.built(sources.serving(tmp_path / "v1", "v1"))
    workers = app.house.processes("rollouts")
    for worker in workers:
        app.house.put_to_sleep(worker)
    try:
        number = app.promote(release)
        assert app.post(f"/rollouts/{number}/abort").status_code == 200
        rollout = app.rollout(number)
        assert rollout["status"] == "cancelled" and "before anything was changed" in rollout["reason"]
    finally:
        for worker in workers:
            worker.kill(signal.SIGCONT)
    number = app.promote(release)
    assert app.ended(number)["status"] == "succeeded"
    assert app.rollout(1)["status"] == "cancelled" and app.logs_are_whole()


# --- What everybody needs is away for a while -----------------------------------------------------------------------


def test_redis_stands_still_for_ten_seconds_while_one_promotes(app: App, tmp_path: Path) -> None:
    release = app.built(sources.serving(tmp_path / "v1", "v1"))
    redis = app.house.processes("redis")[0]
    redis.kill(signal.SIGSTOP)
    wake = threading.Timer(10, redis.kill, [signal.SIGCONT])
    begun = time.monotonic()
    wake.start()
    try:
        told = app.command("releases", "promote", release)
    finally:
        wake.join()
    assert told.status == 0, f"{told.all}\n{app.house.log_tail()}"
    assert time.monotonic() - begun > 8
    app.answers("version v1")
    assert app.logs_are_whole() and len(app.get("/rollouts")["items"]) == 1


def test_the_database_is_locked_for_a_while(app: App, slow: Path) -> None:
    release = app.built(slow)
    database = databases.connect(app.house.database)
    held = threading.Event()
    everything = ["BEGIN EXCLUSIVE"]
    if databases.server():
        everything = ["BEGIN", "LOCK TABLE releases_app, releases_rollout, releases_logline IN ACCESS EXCLUSIVE MODE"]

    def hold() -> None:
        for statement in everything:
            database.execute(statement)
        held.wait(5)  # seconds
        database.execute("ROLLBACK")

    for moment in ("before", "while"):
        if moment == "while":
            app.reaches(app.promote(release), "rolling")
        holder = threading.Thread(target=hold)
        holder.start()
        if moment == "before":
            told = app.command("releases", "promote", release)
            assert told.status == 0, told.all
        else:
            assert app.ended(2)["status"] == "succeeded", app.rollout(2)
        holder.join()
    database.close()
    app.answers("version v1")
    assert app.logs_are_whole()
