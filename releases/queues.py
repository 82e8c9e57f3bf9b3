"""Enqueue by dotted name, on commit, once per epoch. Actions never import jobs."""

import logging

import django_rq
from django.db import transaction
from rq import Worker

from releases.models import Build, Rollout
from releases.models.lifecycle import Lifecycle

logger = logging.getLogger(__name__)
REAPER_KEY = "deployer:reaper"
# There while a job for the deliveries of an app waits; a lost job is missed after so many seconds.
INBOX_KEY, INBOX_SECONDS = "deployer:inbox:{}", 5
# There while a web process carries the one-off process of this uid for a client.
RUN_KEY = "deployer:run:{}"


def enqueue_build(build: Build) -> None:
    _enqueue("builds", "releases.jobs.run_build", build)


def enqueue_rollout(rollout: Rollout) -> None:
    _enqueue("rollouts", "releases.jobs.run_rollout", rollout)


def enqueue_inbox(app_id: int) -> None:
    """On commit: the deliveries of this app that wait are handled, all by one job, however many come meanwhile."""
    transaction.on_commit(lambda: _enqueue_inbox(app_id), robust=True)


def inbox_is_opened(app_id: int) -> None:
    """What comes from now on needs a job of its own."""
    django_rq.get_connection("webhooks").delete(INBOX_KEY.format(app_id))


def _enqueue_inbox(app_id: int) -> None:
    try:
        connection = django_rq.get_connection("webhooks")
        if connection.set(INBOX_KEY.format(app_id), "1", nx=True, ex=INBOX_SECONDS):
            queue = django_rq.get_queue("webhooks", commit_mode="auto")
            queue.enqueue("releases.jobs.handle_deliveries", app_id, result_ttl=0)
    except Exception as error:
        logger.warning("the deliveries of app %s wait for the reaper: %s", app_id, error)


def job_id(row: Lifecycle) -> str:
    """One per epoch: a job of an earlier epoch finds that it is late."""
    kind = "build" if isinstance(row, Build) else "rollout"
    return f"{kind}-{row.pk}-{row.epoch}"


def is_enqueued(row: Build | Rollout) -> bool:
    """Whether its job waits for a worker. Raises what Redis raises."""
    return job_id(row) in django_rq.get_queue("builds" if isinstance(row, Build) else "rollouts").get_job_ids()


def missing_workers() -> str:
    """Which of our own programs do not report, in words; "" when all do."""
    connection = django_rq.get_connection("rollouts")
    listening = {name for worker in Worker.all(connection=connection) for name in worker.queue_names()}
    missing = [f"no worker for {name}" for name in ("builds", "rollouts") if name not in listening]
    if not connection.exists(REAPER_KEY):
        missing.append("no reaper")
    return ", ".join(missing)


def reaper_is_alive(seconds: float) -> None:
    """The reaper says so each round; it is missed after three."""
    django_rq.get_connection("rollouts").set(REAPER_KEY, "1", px=int(seconds * 3000) + 2000)


def run_is_carried(uid: str, seconds: float) -> None:
    """True for so long. Raises what Redis raises."""
    django_rq.get_connection("rollouts").set(RUN_KEY.format(uid), "1", px=int(seconds * 1000))


def is_run_carried(uid: str) -> bool:
    """Raises what Redis raises."""
    return bool(django_rq.get_connection("rollouts").exists(RUN_KEY.format(uid)))


def _enqueue(queue: str, function: str, row: Build | Rollout) -> None:
    """After commit. Redis may be away: that is logged, not raised, and the reaper makes it good."""
    key, epoch, name = row.pk, row.epoch, job_id(row)

    def enqueue() -> None:
        try:
            django_rq.get_queue(queue, commit_mode="auto").enqueue(function, key, epoch, job_id=name, result_ttl=0)
        except Exception as error:
            logger.warning("%s could not be enqueued and waits for the reaper: %s", name, error)

    transaction.on_commit(enqueue, robust=True)
