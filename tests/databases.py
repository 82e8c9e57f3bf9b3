"""Databases of their own for programs that tests start: where the tests run on PostgreSQL they get one there."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django
import environ
import psycopg

from tests.postgres import named

ROOT = Path(__file__).resolve().parent.parent
# All that a process needs which makes tables and nothing else.
FOR_TABLES = {
    "DJANGO_SETTINGS_MODULE": "deployer.settings",
    "SECRET_KEY": "for-the-tables-of-tests-only-" + "x" * 40,
    "ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    "DEPLOYER_URL": "http://127.0.0.1:1",
    "LOG_LEVEL": "WARNING",
}
_templates: list[tuple[Path, str]] = []


def server() -> str:
    """The URL of the PostgreSQL that the tests run on; "" if it is SQLite."""
    return os.environ.get("TEST_DATABASE_URL", "")


def for_nothing() -> None:
    """Sets Django up for a program that stores nothing."""
    for name, value in {**FOR_TABLES, "DATABASE_URL": "sqlite://:memory:", "DEBUG": "true"}.items():
        os.environ.setdefault(name, value)
    django.setup()


def create(folder: Path) -> str:
    """The URL of an empty database: SQLite in a file of `folder`, or one on the server."""
    if not server():
        return f"sqlite:///{quote(str(folder / 'tests.sqlite3'))}"
    return _create_on_server()


def create_with_tables(folder: Path) -> str:
    """The same with our tables in it: a copy of one that was migrated, which takes seconds, in this process before."""
    if server():
        return _create_on_server(template=_with_tables())
    url = create(folder)
    shutil.copyfile(environ.Env.db_url_config(_with_tables())["NAME"], environ.Env.db_url_config(url)["NAME"])
    return url


def _create_on_server(template: str = "") -> str:
    name = f"tests_{uuid.uuid4().hex}"
    like = f' TEMPLATE "{environ.Env.db_url_config(template)["NAME"]}"' if template else ""
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"{like}'.encode())
    return named(server(), name)


def drop_template() -> None:
    """When nobody in this process asks for a copy any more."""
    while _templates:
        folder, url = _templates.pop()
        drop(url)
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _with_tables() -> str:
    """The URL of a database that is only copied."""
    folder = Path(tempfile.mkdtemp(prefix="tables-"))
    url = create(folder)
    _templates.append((folder, url))
    environment = {**os.environ, **FOR_TABLES, "DATABASE_URL": url, "DEPLOYER_HOME": str(folder)}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return url


def drop(url: str) -> None:
    """Also when somebody still uses it, or when its server is gone. A file of SQLite's goes with its folder."""
    if not url.startswith("sqlite"):
        name = environ.Env.db_url_config(url)["NAME"]
        with suppress(psycopg.OperationalError), psycopg.connect(server(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def connect(url: str) -> Any:
    """A connection past Django, which begins no transaction by itself; for any thread."""
    if url.startswith("sqlite"):
        path = environ.Env.db_url_config(url)["NAME"]
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    return psycopg.connect(url, autocommit=True)


def is_locked(database: sqlite3.Connection, seconds: float) -> bool:
    """Whether somebody holds the only right to write, for so long."""
    database.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    database.execute("ROLLBACK")
    return False
