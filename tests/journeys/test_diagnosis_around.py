"""What all apps stand on goes away, for real: that is the finding, and it goes when that is back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until


@contextmanager
def without(house: House, *roles: str, by: int = signal.SIGKILL) -> Iterator[None]:
    """These have ended, and nobody starts them anew until the block is over."""
    supervisors = house.processes("supervisor")
    for supervisor in supervisors:
        supervisor.kill(signal.SIGSTOP)
    try:
        gone = house.processes(*roles)
        for process in gone:
            process.kill(by)
        pids = {process.pid for process in gone}
        until(lambda: not pids & {process.pid for process in house.processes(*roles)}, f"the end of {roles}")
        yield
    finally:
        for supervisor in supervisors:
            supervisor.kill(signal.SIGCONT)
        until(house.is_ready, "a ready house", seconds=90, tell=house.log_tail)


def codes(app: App) -> list[str]:
    return [finding["code"] for finding in app.get("/diagnosis")["findings"]]


def well(app: App) -> None:
    """To the command, too: each looks for itself, and Redis, say, has 2 s to answer."""
    until(lambda: app.get("/diagnosis")["healthy"], "health", tell=lambda: str(app.get("/diagnosis")["findings"]))
    until(
        lambda: app.command("deploy-debug").status == 0, "exit status 0", tell=lambda: app.command("deploy-debug").all
    )


def test_the_cluster_is_killed_and_comes_back(shop: App) -> None:
    well(shop)
    with without(shop.house, "cluster"):
        assert codes(shop)[0] == "cluster_unreachable"
        told = shop.command("deploy-debug")
        assert told.status == 1 and "can't be reached" in told.out, told.all
        assert "deployment_deleted" not in codes(shop), "what is not known is no fault"
    well(shop)


def test_the_workers_are_gone_and_come_back(shop: App) -> None:
    """They were asked to end: who was killed is missed by Redis only minutes later."""
    with without(shop.house, "rollouts", "builds", by=signal.SIGTERM):
        until(lambda: codes(shop)[:1] == ["workers_missing"], "workers_missing", tell=lambda: str(codes(shop)))
        told = shop.command("deploy-debug")
        assert told.status == 1 and "rollouts" in told.out, told.all
    well(shop)


def test_redis_is_gone_and_comes_back(shop: App) -> None:
    with without(shop.house, "redis"):
        assert codes(shop)[0] == "redis_unreachable"
        assert "workers_missing" not in codes(shop), "of whom nothing can be known"
        assert shop.command("deploy-debug").status == 1
    well(shop)


def test_a_failed_deploy_ends_the_command_with_1_until_a_good_one(shop: App, tmp_path: Path) -> None:
    crashing = sources.manifest(command=[*sources.PYTHON, "crash.py"])
    source = sources.write(tmp_path / "crash", crashing, {"crash.py": sources.CRASH})
    assert shop.deploy(source).status == 1
    number = shop.rollout()["number"]
    stored = shop.get(f"/rollouts/{number}/diagnosis")
    assert stored["findings"][0]["code"] == "crash_loop", stored["findings"]
    told = shop.command("deploy-debug")
    assert told.status == 1 and f"rollout {number}" in told.out.lower() and "exited with 3" in told.out, told.all
    shop.deployed(sources.serving(tmp_path / "again", "again"))
    well(shop)
    assert shop.get(f"/rollouts/{number}/diagnosis") == stored
