"""Wait for facts, never for time."""

import time
from collections.abc import Callable
from typing import Any


def until(holds: Callable[[], Any], what: str, *, seconds: float = 40, tell: Callable[[], str] = str) -> Any:
    """What `holds` gives, as soon as that is true. `tell` says how things stand when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds} s\n{tell()}")
        time.sleep(0.03)
    return found
