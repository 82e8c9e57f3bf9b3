"""How the database is spoken to: what is sound for SQLite, and for a PostgreSQL that may fail over at any time."""

from typing import Any

LOCK_SECONDS = 20

SQLITE = {
    "timeout": LOCK_SECONDS,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
# A server that is gone without a word is noticed within seconds instead of a quarter of an hour; and a program of ours
# that was stopped in the middle of a transaction holds the others up for no longer than SQLite would have them wait.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
POSTGRESQL = {
    "application_name": "deployer",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": f"-c lock_timeout={LOCK_SECONDS}s -c idle_in_transaction_session_timeout={LOCK_SECONDS}s",
}


def prepared(database: dict[str, Any]) -> dict[str, Any]:
    """An entry of DATABASES, completed. What the URL itself asks for stays: `?options=` sends none, for a PgBouncer."""
    sqlite = database["ENGINE"].endswith("sqlite3")
    asked = database.get("OPTIONS", {})
    # A cursor that outlives its statement would be looked for on another connection, behind a PgBouncer.
    database = database if sqlite else {"DISABLE_SERVER_SIDE_CURSORS": True} | database
    options = (SQLITE if sqlite else POSTGRESQL) | asked
    # A connection lasts as long as a request, or a turn of a worker: what a fail-over has cut is never used again.
    return database | {"OPTIONS": options, "CONN_MAX_AGE": 0}
