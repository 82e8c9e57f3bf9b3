"""Sessions in the database, asked for by keys only that Django itself can have given.

A cookie says what its sender likes: a key with a NUL in it can't even be looked for in PostgreSQL.
"""

from typing import Any

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.backends.db import SessionStore as Stored

KEY_LENGTH = 32


class SessionStore(Stored):
    """What Django's setting SESSION_ENGINE asks for."""

    def _validate_session_key(self, key: Any) -> bool:
        return isinstance(key, str) and len(key) == KEY_LENGTH and not set(key) - set(VALID_KEY_CHARS)
