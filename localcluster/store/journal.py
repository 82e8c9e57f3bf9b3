"""The SQLite file that keeps the objects over a restart."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS revision (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
INSERT OR IGNORE INTO revision VALUES (1, 1);
"""

Key = tuple[str, str, str]
"""Kind, namespace ("" without one), name."""


class Journal:
    """Each write is one transaction: the object and the revision, together or not at all."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    def revision(self) -> int:
        return int(self._connection.execute("SELECT number FROM revision").fetchone()[0])

    def objects(self) -> Iterator[tuple[Key, dict[str, Any]]]:
        for kind, namespace, name, body in self._connection.execute("SELECT kind, namespace, name, body FROM objects"):
            yield (kind, namespace, name), json.loads(body)

    def put(self, key: Key, body: bytes, revision: int) -> None:
        self._write("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (*key, body.decode()), revision)

    def remove(self, key: Key, revision: int) -> None:
        self._write("DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key, revision)

    def close(self) -> None:
        self._connection.close()

    def _write(self, statement: str, values: tuple[str, ...], revision: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(statement, values)
            self._connection.execute("UPDATE revision SET number = ?", (revision,))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
