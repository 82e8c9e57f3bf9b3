"""Run a worker for one of the queues, until SIGTERM."""

from importlib import import_module
from typing import Any

import django_rq
from django.core.management.base import BaseCommand, CommandParser

from releases import host
from releases.worker import BuildWorker, RolloutWorker

WORKERS = {"builds": BuildWorker, "rollouts": RolloutWorker}


class Command(BaseCommand):
    help = "Run a worker for the queue `builds` or `rollouts`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue", choices=sorted(WORKERS))

    def handle(self, *args: Any, **options: Any) -> None:
        queue = django_rq.get_queue(options["queue"])
        worker = WORKERS[options["queue"]]([queue], connection=queue.connection)
        import_module("releases.jobs")  # now, and not when the first job has been taken off the queue
        if options["queue"] == "rollouts":
            host.host.warm_up()
        worker.work(with_scheduler=False, logging_level="WARNING")
