"""Every few seconds: find what has lost its worker or its job, and see that it goes on; look at the clusters.

And beside that: what deliveries of GitHub's may not have told.
"""

import logging
import signal
import threading
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError
from django.db import connection, connections

from releases import jobs, queues
from releases.pipeline import reports, retention_rounds
from releases.pipeline.cluster_rounds import Rounds
from releases.reconciler import Reconciler

SWEEP_EVERY = 600
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Watch over builds and rollouts whose worker died, until SIGTERM."
    requires_system_checks = []  # as in setup

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        rounds, clusters, github, retention = 0, Rounds(), reports.Rounds(), retention_rounds.Rounds()
        Reconciler(stopped).start()
        while not stopped.is_set():
            try:
                queues.reaper_is_alive(settings.REAPER_SECONDS)
                jobs.reap()
                clusters.go()
                github.go()
                retention.go()
                if rounds % SWEEP_EVERY == 0:
                    jobs.sweep()
                rounds += 1
            except DatabaseError as error:
                logger.warning("the reaper waits for the database: %s", error)
                _wait_for_database(stopped)
            except Exception as error:  # Redis may be away: the next round sees
                logger.warning("a round of the reaper failed: %s", error)
            connections.close_all()
            stopped.wait(settings.REAPER_SECONDS)


def _wait_for_database(stopped: threading.Event) -> None:
    """And for two heartbeats longer: whoever could not write theirs meanwhile is not dead."""
    while not stopped.wait(settings.REAPER_SECONDS):
        connections.close_all()
        with suppress(DatabaseError):
            connection.ensure_connection()
            break
    stopped.wait(2 * settings.HEARTBEAT_SECONDS)
