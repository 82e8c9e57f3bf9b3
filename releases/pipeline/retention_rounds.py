"""Retention every few minutes, in a thread of its own: a registry that is slow delays nobody."""

import logging
import threading
import time

from django.conf import settings
from django.db import connections

from releases.pipeline import retention

logger = logging.getLogger(__name__)


class Rounds:
    """Of one process. `go` never blocks."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.began = float("-inf")

    def go(self) -> None:
        """Begin a round, if one is due and the last one is over."""
        running = self.thread is not None and self.thread.is_alive()
        if running or time.monotonic() - self.began < settings.RETENTION_SECONDS:
            return
        self.began = time.monotonic()
        self.thread = threading.Thread(target=_round, name="retention", daemon=True)
        self.thread.start()


def _round() -> None:
    try:
        retention.go()
    except Exception as error:  # the database may be away: the next round sees
        logger.warning("a round of retention failed: %s", error)
    finally:
        connections.close_all()
