"""What was known before a change of the tables is known after it; and a new database gets the tables that they leave.

One database is led from its first tables to today's for all of them: each step of that takes a while.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import environ
import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from releases.models import App, Cluster, Image, Release, Token
from tests import databases

pytestmark = [pytest.mark.database, pytest.mark.timeout(240)]

COLUMNS = """
SELECT table_name, column_name, udt_name, character_maximum_length, numeric_precision, numeric_scale, is_nullable,
       column_default, is_identity, identity_generation, collation_name
FROM information_schema.columns WHERE table_schema = 'public'
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text, condeferrable, condeferred, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
OBJECTS = "SELECT tbl_name, name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
DONE = "SELECT app, name FROM django_migrations"
DIGEST = "sha256:" + "1" * 64

# Makes a row of a model as it was then: its name, its columns.
Create = Callable[..., Any]


@dataclass
class History:
    url: str
    # When it was stopped, when images were removed.
    then: datetime = field(default_factory=timezone.now)


# --- What was there ---------------------------------------------------------------------------------------------------


def apps_without_clusters(create: Create, then: datetime) -> None:
    for name in ("first", "second"):
        create("App", name=name, by_label="ann")


def releases_and_who_could_do_what(create: Create, then: datetime) -> None:
    ann = create("Person", username="ann", role="deployer")
    create("Token", person=ann, name="laptop", prefix="0a1b2c3d4e", digest="0" * 64)
    by = {"by": ann, "by_label": "ann"}
    cluster = create("Cluster", name="far", by_label="ann")
    shop = create("App", name="shop", cluster=cluster, rollouts_made=3, **by)
    create("App", name="blog", cluster=cluster, rollouts_made=7, **by)
    stopped = {"stopped_at": then, "stopped_by": "ann", "stopped_why": "ann went back.", "judged": 2}
    create("Source", app=shop, url="https://git.example/shop.git", branch="main", **stopped, **by)
    build = create("Build", id="BAAAAAAAAAA", app=shop, status="succeeded", images_deleted_at=then, **by)
    statuses = {"RAAAAAAAAAA": ["failed", "succeeded"], "RBBBBBBBBBB": ["rolling"], "RCCCCCCCCCC": []}
    number = 0
    for key, ends in statuses.items():
        content = {"manifest": {"services": {"web": {"environment": {}}}, "environment": {}}, "images": {}, "env": {}}
        release = create("Release", id=key, app=shop, build=build, **content, **by)
        for status in ends:
            number += 1
            create("Rollout", app=shop, number=number, release=release, status=status, **by)


def builds_without_their_images(create: Create, then: datetime) -> None:
    cluster = create("Cluster", name="another", by_label="ann")
    app = create("App", name="pictures", by_label="ann", cluster=cluster)

    def build(key: str, image: str, **columns: Any) -> None:
        manifest = {"services": {"web": {"image": None}, "db": {"image": f"postgres@{DIGEST}"}}}
        images = {"web": image, "db": f"postgres@{DIGEST}"}
        row = {"manifest": manifest, "images": images, "status": "succeeded", "by_label": "ann", **columns}
        create("Build", pk=key, app=app, **row)

    gone = {"images_removed_at": then, "images_deleted_at": then}
    build("BPUSHEDAAAA", f"registry.example/team/shop@{DIGEST}")
    build("BFOLDERAAAA", f"local/shop@{DIGEST}", images_removed_at=then)
    build("BREFUSEDAAA", f"r.example/shop@{DIGEST}", **gone, images_note="no")
    build("BGONEAAAAAA", f"local/shop@{DIGEST}", **gone)
    build("BFAILEDAAAA", "", images={}, manifest=None, status="failed")


# In this order: the last migration that had been applied, and who then wrote.
WRITTEN = {
    "0002_replace_and_next": apps_without_clusters,
    "0006_retention": releases_and_who_could_do_what,
    "0008_domains_and_locks": builds_without_their_images,
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[History]:
    history = History(databases.create(tmp_path_factory.mktemp("history")))
    with django_db_blocker.unblock(), connected_to(history.url):
        for name, write in WRITTEN.items():
            write(partial(create, led_to(name)), history.then)
        led_to()
        yield history
    databases.drop(history.url)


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Django, in the place of the tests' own database."""
    tests_own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = environ.Env.db_url_config(url)["NAME"]
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = tests_own


def led_to(name: str = "") -> Any:
    """The models as they are after this migration of ours; "" for the newest, of all."""
    executor = MigrationExecutor(connection)
    return executor.migrate([("releases", name)] if name else executor.loader.graph.leaf_nodes()).apps


def create(models: Any, model: str, **columns: Any) -> Any:
    return models.get_model("releases", model).objects.create(**columns)


# --- What is there now ------------------------------------------------------------------------------------------------


def test_apps_live_in_the_cluster_that_there_was(history: History) -> None:
    row = Cluster.objects.get(name="local")
    assert (row.kind, row.is_default, row.state) == ("embedded", True, "unchecked")
    assert {app.name for app in App.objects.filter(cluster=row)} == {"first", "second"}


def test_releases_know_what_came_of_them(history: History) -> None:
    outcomes = dict(Release.objects.values_list("id", "outcome"))
    assert outcomes == {"RAAAAAAAAAA": "succeeded", "RBBBBBBBBBB": "rolling", "RCCCCCCCCCC": ""}


def test_a_token_can_do_what_it_could(history: History) -> None:
    token = Token.objects.get()
    assert token.all_apps and Token.ADMIN in token.scopes


def test_a_stop_of_a_source_is_its_apps(history: History) -> None:
    known = App.objects.filter(name__in=("blog", "shop")).order_by("name")
    told = known.values_list("name", "stopped_at", "stopped_by", "stopped_why", "judged")
    assert list(told) == [("blog", None, "", "", 7), ("shop", history.then, "ann", "ann went back.", 2)]


def test_images_are_written_down_so_that_they_go_one_day(history: History) -> None:
    columns = Image.objects.order_by("build").values_list("build", "repository", "tag", "digest", "going_from", "note")
    assert list(columns) == [
        ("BFOLDERAAAA", "local/shop", "", DIGEST, history.then, ""),
        ("BPUSHEDAAAA", "registry.example/team/shop", "web.BPUSHEDAAAA", DIGEST, None, ""),
        ("BREFUSEDAAA", "r.example/shop", "web.BREFUSEDAAA", DIGEST, history.then, "no"),
    ]


def test_a_new_database_has_the_tables_that_this_history_left(history: History, tmp_path: Path) -> None:
    new = databases.create_with_tables(tmp_path)
    try:
        assert schema(new) == schema(history.url)
        assert asked(new, DONE) == asked(history.url, DONE)
    finally:
        databases.drop(new)


def test_the_tables_of_an_empty_database_are_made_at_once_unless_one_asks_for_migrations(tmp_path: Path) -> None:
    url = databases.create(tmp_path)
    try:
        told = migrate(url, tmp_path, "releases", "0001_initial")
        assert "Applying releases.0001_initial... OK" in told and "All tables" not in told
    finally:
        databases.drop(url)
    url = databases.create(_folder(tmp_path / "empty"))
    try:
        told = migrate(url, tmp_path)
        assert "All tables are made." in told and "No migrations to apply." in told
    finally:
        databases.drop(url)


def test_one_can_go_back(history: History) -> None:
    """The last of these: nobody leads this database forward again."""
    source = led_to("0006_retention").get_model("releases", "Source").objects.get()
    assert (source.stopped_at, source.stopped_why, source.judged) == (history.then, "ann went back.", 2)


def migrate(url: str, home: Path, *arguments: str) -> str:
    """What it prints."""
    environment = {**os.environ, **databases.FOR_TABLES, "DATABASE_URL": url, "DEPLOYER_HOME": str(home)}
    command = [sys.executable, "manage.py", "migrate", *arguments]
    done = subprocess.run(command, cwd=databases.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def schema(url: str) -> list[Any]:
    if url.startswith("sqlite"):
        return sorted(
            (table, name, _parts(sql) if kind == "table" else sql) for table, name, kind, sql in asked(url, OBJECTS)
        )
    return [asked(url, question) for question in (COLUMNS, CONSTRAINTS, INDEXES)]


def asked(url: str, question: str) -> list[tuple[Any, ...]]:
    connection = databases.connect(url)
    try:
        return sorted(map(tuple, connection.execute(question)), key=repr)
    finally:
        connection.close()


def _parts(sql: str) -> list[str]:
    """Columns and constraints of a table, in any order: there, what came later is the last one."""
    return sorted(re.split(r', (?="\w+" \w|CONSTRAINT )', sql[sql.index("(") + 1 : sql.rindex(")")]))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
