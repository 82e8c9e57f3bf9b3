"""Begins to tell what is to be told, each source in a thread of its own: a slow GitHub holds up nobody."""

import logging
import threading

from django.db import connections
from django.utils import timezone

from releases.pipeline.reports import untold
from releases.pipeline.reports.telling import tell

logger = logging.getLogger(__name__)
AT_ONCE = 4


class Rounds:
    """Of one process. `go` blocks for nothing but the database."""

    def __init__(self) -> None:
        self.threads: dict[int, threading.Thread] = {}

    def go(self) -> None:
        """Begin what is due. Raises what the database raises."""
        untold.settle_beginnings()
        self.threads = {key: thread for key, thread in self.threads.items() if thread.is_alive()}
        for source_id in untold.sources(timezone.now()):
            if len(self.threads) >= AT_ONCE:
                return
            if source_id not in self.threads:
                thread = threading.Thread(target=_tell, args=(source_id,), name=f"report-{source_id}", daemon=True)
                self.threads[source_id] = thread
                thread.start()


def _tell(source_id: int) -> None:
    try:
        tell(source_id)
    except Exception as error:  # the database may be away, say: the next round begins anew
        logger.warning("GitHub could not be told of source %s: %s", source_id, error)
    finally:
        connections.close_all()
