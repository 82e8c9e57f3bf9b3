"""What it means when the database raises an error: that it is busy, away, full, or not what this version needs."""

from dataclasses import dataclass

from django.db import DataError, Error, InterfaceError, OperationalError

AWAY, BUSY, FULL, OUTDATED, UNFIT = "database_away", "busy", "database_full", "database_outdated", "invalid"
WORDS = {
    AWAY: "The database does not answer. Once it does, look whether what you asked for was done.",
    BUSY: "The database is busy: nothing was done.",
    FULL: "The database has no room left: nothing was done.",
    OUTDATED: "The database's tables do not fit this version of Deployer: `manage.py setup` brings them up to date.",
    UNFIT: "Something in the request can't be stored: nothing was done.",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: whole states before classes.
STATES = {
    "40001": BUSY,  # serialization failure
    "40P01": BUSY,  # deadlock
    "55P03": BUSY,  # lock time-out
    "57014": BUSY,  # statement time-out
    "25P03": BUSY,  # idle in transaction for too long
    "25006": AWAY,  # read only: a standby, until somebody makes it the primary
    "3D000": AWAY,  # no such database
    "42P01": OUTDATED,  # no such table
    "42703": OUTDATED,  # no such column
    "53100": FULL,
    "22": UNFIT,
    "08": AWAY,
    "28": AWAY,
    "53": BUSY,
    "57": AWAY,
    "58": AWAY,
}
# SQLite has words only. The first that fits counts.
SQLITE = {
    "locked": BUSY,
    "busy": BUSY,
    "is full": FULL,
    "no such table": OUTDATED,
    "no such column": OUTDATED,
    "has no column": OUTDATED,
    "unable to open": AWAY,
    "i/o error": AWAY,
    "readonly": AWAY,
}


@dataclass(frozen=True)
class Trouble:
    """`code` is stable, for programs; `words` are for people."""

    code: str

    @property
    def words(self) -> str:
        return WORDS[self.code]

    @property
    def is_ours(self) -> bool:
        """Whether the database is what is wrong, rather than what was asked of it."""
        return self.code != UNFIT


def trouble_of(error: Error) -> Trouble | None:
    """What Django's error says about the database; None if it says that our own code is wrong."""
    code = _code(error)
    return Trouble(code) if code else None


def _code(error: Error) -> str | None:
    cause = error.__cause__
    if cause is not None and type(cause).__module__.startswith("psycopg"):
        state = getattr(cause, "sqlstate", None)
        if state is not None:
            return STATES.get(state) or STATES.get(state[:2])
        if isinstance(error, DataError):
            return UNFIT
    elif code := next((code for part, code in SQLITE.items() if part in str(error).lower()), None):
        return code
    # No answer at all, hence no state: the connection could not be made, or was lost.
    return AWAY if isinstance(error, (OperationalError, InterfaceError)) else None
