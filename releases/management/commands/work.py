"""Run a worker for one of the queues, until SIGTERM."""

from importlib import import_module
from typing import Any

import django_rq
from django.core.management.base import BaseCommand, CommandParser

from releases import host
from releases.worker import BuildWorker, RolloutWorker

WORKERS = {"builds": BuildWorker, "rollouts": RolloutWorker}
# What is over in milliseconds is done by whoever takes rollouts, when there are none to take.
BESIDE = {"rollouts": ["webhooks"]}


class Command(BaseCommand):
    help = "Run a worker for the queue `builds` or `rollouts`."
    requires_system_checks = []  # as in setup

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("queue", choices=sorted(WORKERS))

    def handle(self, *args: Any, **options: Any) -> None:
        queues = [django_rq.get_queue(name) for name in (options["queue"], *BESIDE.get(options["queue"], []))]
        worker = WORKERS[options["queue"]](queues, connection=queues[0].connection)
        import_module("releases.jobs")  # now, and not when the first job has been taken off the queue
        if options["queue"] == "rollouts":
            host.host.warm_up()
        worker.work(with_scheduler=False, logging_level="WARNING")
