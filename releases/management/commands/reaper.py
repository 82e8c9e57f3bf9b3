"""Every few seconds: find what has lost its worker or its job, and see that it goes on."""

import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from releases import jobs, queues

SWEEP_EVERY = 600
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Watch over builds and rollouts whose worker died, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        rounds = 0
        while not stopped.is_set():
            try:
                queues.reaper_is_alive(settings.REAPER_SECONDS)
                jobs.reap()
                if rounds % SWEEP_EVERY == 0:
                    jobs.sweep()
                rounds += 1
            except Exception as error:  # Redis or the database may be away: the next round sees
                logger.warning("a round of the reaper failed: %s", error)
            connections.close_all()
            stopped.wait(settings.REAPER_SECONDS)
