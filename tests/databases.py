"""Databases of their own for programs that tests start: where the tests run on PostgreSQL they get one there."""

import os
import sqlite3
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ
import psycopg

from tests.postgres import named


def server() -> str:
    """The URL of the PostgreSQL that the tests run on; "" if it is SQLite."""
    return os.environ.get("TEST_DATABASE_URL", "")


def create(folder: Path) -> str:
    """The URL of an empty database: SQLite in a file of `folder`, or one on the server."""
    if not server():
        return f"sqlite:///{quote(str(folder / 'tests.sqlite3'))}"
    name = f"tests_{uuid.uuid4().hex}"
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return named(server(), name)


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
