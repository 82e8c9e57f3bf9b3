"""RQ jobs: take an id and an epoch, delegate. And the reaper, which makes good what died on the way."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import django_rq
from django.conf import settings
from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from releases import actions, host, logs, queues
from releases.errors import BuildFailed, IllegalTransition, SourceFailed, Stale
from releases.models import App, Build, Delivery, IdempotencyKey, Rollout
from releases.models.outage import when_it_answers
from releases.pipeline.build import Cancelled, discard, make, mask_of
from releases.pipeline.build import sweep as sweep_folders
from releases.pipeline.examination import at_verdict
from releases.pipeline.sources import Skipped

logger = logging.getLogger(__name__)
RESTARTS = 1  # a build begins again once after its worker died; what kills two workers kills a third
QUEUED_FOR = timedelta(hours=24)


def run_rollout(rollout_id: int, epoch: int) -> None:
    """Returns at once: a thread of this process carries it."""
    host.take(rollout_id, epoch)


def run_build(build_id: str, epoch: int) -> None:
    """From the upload to a release, in this process. Before its turn it just returns."""
    build = actions.take_build(build_id, epoch)
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
            actions.start_next_build(build.app_id)
        logs.pages_changed(build.app_id)
        logs.flush()
        connections.close_all()


def handle_deliveries(app_id: int) -> None:
    """All of this app that wait, in the order in which they came. Quick: it asks nobody but the database."""
    queues.inbox_is_opened(app_id)
    actions.handle_deliveries(app_id)


def _carry_build(build: Build) -> None:
    """One ladder from exception to status."""
    again = build.status != "queued"
    try:
        _stored(build, lambda: _begin_build(build, again=again))
        logs.pages_changed(build.app_id)
        result = make(build)
        _stored(build, lambda: actions.finish_build(build, result))
    except Skipped as skipped:
        words = str(skipped)
        _stored(build, lambda: _end_build(build, "cancelled", words))
    except Cancelled:
        _stored(build, lambda: _end_build(build, "cancelled", "Cancelled."))
    except BuildFailed as error:
        failure = error
        _stored(build, lambda: _end_failed(build, failure))
    except (Stale, IllegalTransition):
        raise
    except Exception as error:
        logger.exception("%s failed by our own fault", build)
        words = f"Deployer itself failed ({type(error).__name__}); its log says more."
        _stored(build, lambda: _end_build(build, "failed", words, cause="deployer", faultless=True))


def _end_failed(build: Build, error: BuildFailed) -> None:
    """What it says may quote what the log has only masked, and goes further than that."""
    hide = mask_of(build).hide
    told = {"cause": error.cause, "hint": error.hint} if isinstance(error, SourceFailed) else {}
    reasons = [hide(reason) for reason in error.reasons]
    _end_build(build, "failed", hide(error.message), reasons, faultless=error.faultless, **told)


def _stored(build: Build, deed: Callable[[], object]) -> None:
    """`deed`, once the database answers; unless that was done, and only the answer got lost. Raises Stale."""

    def try_it() -> None:
        known = Build.objects.filter(pk=build.pk, epoch=build.epoch).values("status", "last_line").first()
        if known is None:
            raise Stale(f"{build} was taken over by another worker.")
        build.status, build.last_line = known["status"], known["last_line"]
        if not build.is_finished:
            deed()

    when_it_answers(try_it, seconds=settings.BUILD_DEADLINE)


def _begin_build(build: Build, *, again: bool) -> None:
    with transaction.atomic():
        if build.status == "queued":
            build.transition("running", started_at=timezone.now())
            logs.append(build, [logs.Line("build", f"Building {build.app.name} ({build.pk})")])
        elif again:
            logs.append(build, [logs.Line("build", "The worker died; the build begins again.")])


def _end_build(build: Build, status: str, reason: str, reasons: list[str] | None = None, **columns: object) -> None:
    """`columns`: cause, hint and faultless, of one that failed."""
    said = [*(reasons or [reason]), *filter(None, [columns.get("hint")])]
    with transaction.atomic():
        logs.append(build, [logs.Line("build", str(words)) for words in said])
        build.transition(status, reason=reason, **columns)


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
    _settle()
    _start_remembered()
    _enqueue_deliveries()


def _start_remembered() -> None:
    """What was to begin at the end of a rollout whose worker died right then."""
    for app in App.objects.exclude(next_release=None).only("pk"):
        try:
            actions.start_next(app.pk)
        except Exception:
            logger.exception("the remembered promote of app %s could not begin", app.pk)


def sweep() -> None:
    """Now and then: what nobody needs any more."""
    sweep_folders()
    actions.sweep_deliveries()
    IdempotencyKey.old().delete()


def _settle() -> None:
    """The end of a rollout that began by itself, and whose worker died before it could be looked at."""
    for app_id in actions.unsettled():
        actions.settle_app(app_id)


def _enqueue_deliveries() -> None:
    """Those that wait to be handled, and whose job is lost."""
    grace = timezone.now() - timedelta(seconds=settings.QUEUED_WITHOUT_JOB_SECONDS)
    waiting = Delivery.objects.filter(status="received", queued_at__lt=grace)
    for app_id in waiting.order_by().values_list("app_id", flat=True).distinct():
        queues.enqueue_inbox(app_id)


def _take_up(row: Build | Rollout) -> None:
    if isinstance(row, Rollout):
        if row.renew(if_silent=True):
            logger.warning("%s has lost its worker and goes on", row)
            queues.enqueue_rollout(row)
    elif actions.ahead_of(row).exists():
        return  # its turn has not come
    elif row.taken and row.restarts >= RESTARTS:
        _fail_build(row, "Its workers died twice; it is not tried again.", faultless=True)
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
    unfinished = model.unfinished().exclude(status="paused")
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
    for build in Build.unfinished().filter(status="running", started_at__lt=now - allowed).select_related("app"):
        _fail_build(build, f"The build took longer than {settings.BUILD_DEADLINE} s.")
    for build in Build.unfinished().filter(status="queued", created_at__lt=now - QUEUED_FOR).select_related("app"):
        _fail_build(build, "No worker took it within a day.", faultless=True)
    for rollout in Rollout.unfinished().filter(status="queued", created_at__lt=now - QUEUED_FOR).select_related("app"):
        if not rollout.inherits_change and rollout.renew():
            reason = "No worker took it within a day. Nothing that runs was changed."
            found = at_verdict.untaken(rollout, reason)
            with transaction.atomic():
                logs.append(rollout, [logs.Line("system/deployer", reason)])
                rollout.transition("failed", reason=reason, diagnosis=found)
            logs.pages_changed(rollout.app_id)


def _fail_build(build: Build, reason: str, *, faultless: bool = False) -> None:
    """Raising the epoch first takes the pen from whoever may still hold it."""
    try:
        if build.renew():
            _end_build(build, "failed", reason, faultless=faultless)
            discard(build)
            logs.pages_changed(build.app_id)
            actions.start_next_build(build.app_id)
    except (Stale, IllegalTransition) as error:
        logger.info("%s: %s", build, error.message)
