"""The PostgreSQL of a whole Deployer goes away, and comes back, while people and rollouts go on."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests import databases, postgres
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import QUICK, House
from tests.journeys.processes import WORKERS
from tests.journeys.test_faults import Deploy
from tests.journeys.waiting import until

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(not databases.server(), reason="of PostgreSQL alone"),
]
CUTS, CUT_EVERY = 12, 0.3
# All sessions but this one, as when another server takes over.
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """One that may be killed."""
    if postgres.find() is None:
        pytest.skip("TEST_DATABASE_URL names a server that is not ours to kill")
    with postgres.Server() as server:
        yield server


@pytest.fixture(scope="module")
def own(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("own"), database=server.url(), **QUICK)
    try:
        house.start()
        yield house
        assert house.stop() == []
    finally:
        house.remove()


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A source whose rollout takes a few seconds: a second service must have run for two."""
    folder = sources.serving(tmp_path / "slow", "v1")
    text = sources.manifest()
    text["services"]["worker"] = sources.worker(verify=2)
    return sources.write(folder, text, {"worker.py": sources.WORKER})


def test_it_is_killed_while_a_rollout_runs(own: House, server: postgres.Server, slow: Path) -> None:
    app = own.app("phoenix")
    deploy = Deploy(app, slow)
    deploy.rolls()
    server.kill()
    try:
        answer = until(lambda: _answer(own), "a word about the database")
        assert answer["code"] == "database_away" and "does not answer" in answer["message"]
        assert not own.is_ready()
    finally:
        server.start()
    until(own.is_ready, "a ready house", tell=own.log_tail)
    told = deploy.ended_right("v1")
    assert "Deployer itself failed" not in told.all
    assert len(app.get("/rollouts")["items"]) == 1


def test_all_sessions_are_cut_again_and_again(own: House, server: postgres.Server, slow: Path) -> None:
    app = own.app("cuts")
    deploy = Deploy(app, slow)
    until(lambda: app.get("/builds")["items"], "a build")  # what is cut before that is the command's to try again
    over = threading.Event()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for _ in range(CUTS):
            connection.execute(CUT.encode())
            over.wait(CUT_EVERY)
    deploy.ended_right("v1")


def test_all_workers_are_killed_while_a_rollout_runs(app: App, slow: Path) -> None:
    deploy = Deploy(app, slow)
    deploy.rolls()
    app.house.kill(*WORKERS)
    deploy.ended_right("v1")
    assert len(app.get("/rollouts")["items"]) == 1


def test_many_apps_at_once(house: House, tmp_path: Path) -> None:
    source = sources.serving(tmp_path / "v1", "v1")
    with ThreadPoolExecutor(6) as hands:
        apps = list(hands.map(lambda number: house.app(f"crowd-{number}"), range(6)))
    deploys = [Deploy(app, source) for app in apps]
    for app, deploy in zip(apps, deploys, strict=True):
        said = deploy.ended()
        assert said.status == 0, said.all
        assert app.logs_are_whole()
        house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})


def _answer(house: House) -> dict | None:
    """What the API says while its database is away."""
    answer = house.api.get("/apps")
    return answer.json()["error"] if answer.status_code == 503 else None
