"""RQ jobs: take an id and an epoch, delegate. And the reaper, which makes good what died on the way."""

import logging
import threading
import time
from datetime import timedelta

import django_rq
from django.conf import settings
from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from releases import actions, host, logs, queues
from releases.errors import BuildFailed, IllegalTransition, Stale
from releases.models import App, Build, Rollout
from releases.pipeline.build import Cancelled, discard, make
from releases.pipeline.build import sweep as sweep

logger = logging.getLogger(__name__)
RESTARTS = 1  # a build begins again once after its worker died; what kills two workers kills a third
QUEUED_FOR = timedelta(hours=24)


def run_rollout(rollout_id: int, epoch: int) -> None:
    """Returns at once: a thread of this process carries it."""
    host.take(rollout_id, epoch)


def run_build(build_id: str, epoch: int) -> None:
    """From the upload to a release, in this process."""
    build = Build.take(build_id, epoch)
    if build is None:
        return
    stopped = threading.Event()
    heart = threading.Thread(target=_beat, args=(build, stopped), name="heartbeat", daemon=True)
    heart.start()
    try:
        _carry_build(build)
    except (Stale, IllegalTransition) as error:
        logger.info("%s: %s", build, error.message)
    finally:
        stopped.set()
        heart.join(5)
        if build.is_finished:
            discard(build)
        logs.pages_changed(build.app_id)
        logs.flush()
        connections.close_all()


def _carry_build(build: Build) -> None:
    """One ladder from exception to status."""
    try:
        if build.status == "queued":
            build.transition("running", started_at=timezone.now())
            logs.append(build, [logs.Line("build", f"Building {build.app.name} ({build.pk})")])
        else:
            logs.append(build, [logs.Line("build", "The worker died; the build begins again.")])
        logs.pages_changed(build.app_id)
        actions.finish_build(build, make(build))
    except Cancelled:
        _end_build(build, "cancelled", "Cancelled.")
    except BuildFailed as failure:
        _end_build(build, "failed", failure.message, failure.reasons)
    except (Stale, IllegalTransition):
        raise
    except Exception as error:
        logger.exception("%s failed by our own fault", build)
        _end_build(build, "failed", f"Deployer itself failed ({type(error).__name__}); its log says more.")


def _end_build(build: Build, status: str, reason: str, reasons: list[str] | None = None) -> None:
    with transaction.atomic():
        logs.append(build, [logs.Line("build", words) for words in reasons or [reason]])
        build.transition(status, reason=reason)


def _beat(build: Build, stopped: threading.Event) -> None:
    while not stopped.wait(settings.HEARTBEAT_SECONDS):
        try:
            Build.objects.filter(pk=build.pk, epoch=build.epoch).update(heartbeat=timezone.now())
        except Exception as error:
            logger.warning("a heartbeat of %s was missed: %s", build, error)
        connections.close_all()


# --- The reaper -----------------------------------------------------------------------------------------------------


def reap() -> None:
    """One round: whatever has lost its worker or its job is enqueued anew; whatever has waited too long ends."""
    if _database_is_held():
        return  # whoever could not write their heartbeat is not dead
    for row in [*_orphans(Build), *_orphans(Rollout)]:
        try:
            _take_up(row)
        except Exception:
            logger.exception("%s could not be taken up", row)
    _end_overdue()
    _start_remembered()


def _start_remembered() -> None:
    """What was to begin at the end of a rollout whose worker died right then."""
    for app in App.objects.exclude(next_release=None).only("pk"):
        try:
            actions.start_next(app.pk)
        except Exception:
            logger.exception("the remembered promote of app %s could not begin", app.pk)


def _take_up(row: Build | Rollout) -> None:
    if isinstance(row, Rollout):
        if row.renew(if_silent=True):
            logger.warning("%s has lost its worker and goes on", row)
            queues.enqueue_rollout(row)
    elif row.taken and row.restarts >= RESTARTS:
        _fail_build(row, "Its workers died twice; it is not tried again.")
    elif row.renew(if_silent=True, restarts=row.restarts + int(row.taken)):
        logger.warning("%s has lost its worker and begins again", row)
        queues.enqueue_build(row)


def _database_is_held() -> bool:
    """Whether writing has to wait for somebody who holds the database for long: then so had all heartbeats."""
    began = time.monotonic()
    with transaction.atomic():
        Build.objects.filter(pk="").update(heartbeat=None)
    return time.monotonic() - began > settings.HEARTBEAT_SECONDS


def _orphans(model: type[Build] | type[Rollout]) -> list:
    """Taken, and the heart has stopped; or not taken, and no job waits for it any more."""
    now = timezone.now()
    silent = Q(taken=True, heartbeat__lt=now - timedelta(seconds=settings.HEARTBEAT_OLD_SECONDS))
    grace = now - timedelta(seconds=settings.QUEUED_WITHOUT_JOB_SECONDS)
    waiting = Q(taken=False) & (Q(heartbeat__lt=grace) | Q(heartbeat=None, created_at__lt=grace))
    unfinished = model.objects.filter(status__in=model.unfinished_statuses()).exclude(status="paused")
    # The objects of a rollout are large, and those whose key is lost can't be read at all.
    columns = [field.name for field in model._meta.concrete_fields if field.name not in Rollout.LARGE]
    orphans = unfinished.filter(silent | waiting).only(*columns)
    found = list(orphans)
    if not any(not row.taken for row in found):
        return found
    queue = "builds" if model is Build else "rollouts"
    enqueued = set(django_rq.get_queue(queue).get_job_ids())
    # Read again: what was taken off the queue a moment ago may be taken by now.
    return [row for row in orphans.all() if row.taken or queues.job_id(row) not in enqueued]


def _end_overdue() -> None:
    """A build that hangs has a heart that beats; its deadline ends it all the same."""
    now = timezone.now()
    allowed = timedelta(seconds=settings.BUILD_DEADLINE + 60)
    for build in Build.objects.filter(status="running", started_at__lt=now - allowed).select_related("app"):
        _fail_build(build, f"The build took longer than {settings.BUILD_DEADLINE} s.")
    for build in Build.objects.filter(status="queued", created_at__lt=now - QUEUED_FOR).select_related("app"):
        _fail_build(build, "No worker took it within a day.")
    for rollout in Rollout.objects.filter(status="queued", created_at__lt=now - QUEUED_FOR).select_related("app"):
        if not rollout.inherits_change and rollout.renew():
            reason = "No worker took it within a day. Nothing that runs was changed."
            with transaction.atomic():
                logs.append(rollout, [logs.Line("system/deployer", reason)])
                rollout.transition("failed", reason=reason)
            logs.pages_changed(rollout.app_id)


def _fail_build(build: Build, reason: str) -> None:
    """Raising the epoch first takes the pen from whoever may still hold it."""
    try:
        if build.renew():
            _end_build(build, "failed", reason)
            discard(build)
            logs.pages_changed(build.app_id)
    except (Stale, IllegalTransition) as error:
        logger.info("%s: %s", build, error.message)
