"""The tables of a new database, which are made at once, are those that the migrations leave."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import databases

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


@pytest.mark.database
def test_a_new_database_gets_what_the_migrations_would_make(tmp_path: Path) -> None:
    new, old = (databases.create(_folder(tmp_path / name)) for name in ("new", "old"))
    try:
        told = migrate(new, tmp_path)
        assert "All tables are made." in told and "No migrations to apply." in told
        # Who says more about migrations gets them, one after the other; of these tables none is there to be faked.
        told = migrate(old, tmp_path, "--fake-initial")
        assert "Applying releases.0001_initial... OK" in told and "All tables" not in told
        assert schema(new) == schema(old)
        assert asked(new, DONE) == asked(old, DONE)
    finally:
        databases.drop(new)
        databases.drop(old)


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
