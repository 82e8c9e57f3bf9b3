"""What a worker does while its database is away: wait, and do again what was not done."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, connections

Given = TypeVar("Given")
PAUSE_SECONDS = 0.5


def when_it_answers(deed: Callable[[], Given], *, seconds: float) -> Given:
    """What `deed` gives; done again while the database is away or busy, for `seconds` at most.

    `deed` must find out by itself whether it was done already: the answer that got lost may have been to its commit.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return deed()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
        connections.close_all()
        time.sleep(PAUSE_SECONDS)
