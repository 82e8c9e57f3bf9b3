"""What something that is queued waits for, in words."""

import logging

from django.db.models import Q

from releases import policy, queues
from releases.actions.build_queue import ahead_of
from releases.actions.next_release import unlocking
from releases.models import App, Build, Release, Rollout
from releases.models.build import WAITING
from releases.policy import Actor

logger = logging.getLogger(__name__)
COLUMNS = ("id", "app__name", "status")


def queue_place(row: Build | Rollout | Release, *, by: Actor) -> str:
    """Its place and what it waits for, without an end (“2nd in line: BABCDEFGHIJ of shop is building”); "" if it waits
    for nothing. Of a release: whether its promote is remembered."""
    if isinstance(row, Release):
        return _of_release(row.pk, row.app_id)
    if isinstance(row, Rollout):
        return _for_a_worker("rollouts") if row.status == "queued" and not row.taken else ""
    if row.status == "queued" and not row.taken:
        return _of_build(row, by)
    if row.status == "succeeded" and row.promote:
        return _after_build(row)
    return ""


def _of_build(build: Build, by: Actor) -> str:
    ahead = list(ahead_of(build).select_related("app").only(*COLUMNS))
    if ahead:
        return _in_line(ahead, by)
    # No build of its own app is before it; workers take those of all apps in their order.
    older = Q(status="running") | Q(status="queued", taken=True) | Q(status="queued", created_at__lt=build.created_at)
    others = Build.objects.filter(older).exclude(app=build.app_id).select_related("app").only(*COLUMNS)
    found = sorted(others.order_by("created_at", "pk"), key=lambda other: other.status != "running")
    return _in_line(found, by) if found and found[0].status == "running" else _for_a_worker("builds")


def _in_line(ahead: list[Build], by: Actor) -> str:
    first = ahead[0]
    which = f"{first.pk} of {first.app.name}" if policy.reaches(first.app.pk, by=by) else "a build of another app"
    doing = "is building" if first.status == "running" else "comes first"
    return f"{_ordinal(len(ahead) + 1)} in line: {which} {doing}"


def _after_build(build: Build) -> str:
    """Of one that succeeded, and whose promote is still to come."""
    if build.checks == WAITING:
        return f"waits for the checks of {build.commit[:7]}"
    remembered = App.objects.filter(pk=build.app_id, next_release__build=build).values_list("next_release", flat=True)
    release_id = remembered.first()
    return _of_release(release_id, build.app_id) if release_id else ""


def _of_release(release_id: str, app_id: int) -> str:
    app = App.objects.filter(pk=app_id, next_release=release_id).first()
    if app is None:
        return ""
    running = app.unfinished_rollout
    rollout = f"for the end of rollout {running.number}, which runs now" if running else ""
    lock = f"until {unlocking(app)}" if app.lock else ""
    return f"waits {' and '.join(filter(None, [rollout, lock]))}" if rollout or lock else "begins in a moment"


def _for_a_worker(queue: str) -> str:
    try:
        missing = queues.missing_workers()
    except Exception as error:
        logger.info("who works is not known: %s", error)
        return "waits for a worker: the queue does not answer"
    nobody = f"no worker for {queue}"
    return "waits for a worker: none is running" if nobody in missing.split(", ") else "waits for a worker"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
