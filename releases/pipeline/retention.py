"""What is left of builds that are over: the rule of what may go, and its going.

A build's log and images go together, also those that it pushed before it failed. First that is written down, under the
lock on the app that every promote and rollback takes, so that nothing begins with what is about to go; then they go, in
small pieces, by whoever comes by.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from releases import audit, logs, policy
from releases.errors import ClusterError
from releases.models import App, Build, Image, LogLine, Release, Rollout
from releases.models.locks import locked
from releases.pipeline import image_removal, images_in_use, pushed_images
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
BUILDS_PER_APP = 100  # looked at in one round
LINES = 1000  # deleted in one transaction
OWNERS = 200  # whose lines are deleted in one round


def go(now: datetime | None = None) -> None:
    """One round. Each app for itself: what fails for one is logged, and tried again the next time."""
    now = now or timezone.now()
    for app in App.objects.filter(deleting_at=None).only("pk").order_by("pk"):
        try:
            let_go(app.pk, now)
        except Exception:
            logger.exception("retention failed for app %s", app.pk)
    delete_lines()
    image_removal.go()


def let_go(app_id: int, now: datetime) -> list[str]:
    """Write down for the builds of an app that may go that their logs and images are gone. Gives their IDs."""
    app = App.objects.select_related("cluster").get(pk=app_id)
    if not may_go(app, now).exists():
        return []
    used = _used_by_processes(app)  # asked before the lock: nothing may wait for a cluster
    with transaction.atomic():
        if (found := locked(App.objects.filter(pk=app_id, deleting_at=None)).first()) is None:
            return []
        builds = [build for build in may_go(found, now)[:BUILDS_PER_APP] if _is_free(build, used)]
        for build in builds:
            _write_down(build, now)
        ids = [build.pk for build in builds]
        if ids:
            audit.record("retention", by=policy.SYSTEM, app=found, subject=f"{len(ids)} builds", builds=ids)
            logs.pages_changed(app_id)
    return ids


# --- The rule -------------------------------------------------------------------------------------------------------


def may_go(app: App, now: datetime) -> QuerySet[Build]:
    """The oldest first: what is neither one of the newest, nor young, nor of a release that one could go back to."""
    newest = app.builds.order_by("-created_at", "-pk").values("pk")[: settings.KEPT_BUILDS]
    old = app.builds.exclude(status__in=Build.unfinished_statuses()).filter(
        log_removed_at=None, created_at__lt=now - timedelta(days=settings.KEPT_DAYS)
    )
    return old.exclude(pk__in=newest).exclude(pk__in=needed_builds(app)).order_by("created_at", "pk")


def needed_builds(app: App) -> set[str]:
    """Of the releases that are or were active last, are on their way, are remembered, or come next."""
    under_way = Rollout.unfinished().filter(app=app).values_list("release", "previous")
    succeeded = Rollout.objects.filter(app=app, status="succeeded").order_by("-number")
    pairs = [*under_way, *succeeded.values_list("release", "previous")[:1]]
    releases = {key for pair in pairs for key in pair} | {app.active_release_id, app.next_release_id}
    were_active = Release.objects.filter(app=app, rollouts__status="succeeded").annotate(last=Max("rollouts__number"))
    releases |= set(were_active.order_by("-last").values_list("pk", flat=True)[: settings.KEPT_RELEASES])
    releases |= set(app.releases.order_by("-created_at", "-pk").values_list("pk", flat=True)[:1])  # not promoted yet
    return set(Release.objects.filter(pk__in=releases - {None}).values_list("build", flat=True))


def _used_by_processes(app: App) -> set[str] | None:
    """None: the cluster does not say."""
    if not app.rollouts_made:
        return set()
    try:
        return images_in_use.read(cluster_of(app), app.namespace)
    except ClusterError as error:
        logger.info("the images of %s stay until its cluster answers: %s", app.name, error.message)
        return None


def _is_free(build: Build, used: Iterable[str] | None) -> bool:
    images = set(build.images.values())
    return not images if used is None else images.isdisjoint(used)


# --- The log --------------------------------------------------------------------------------------------------------


def _write_down(build: Build, now: datetime) -> None:
    """The last line of the log says what has become of it."""
    pushed = build.images or Image.objects.filter(build=build.pk).exists()
    what = "The log and the images were" if pushed else "The log was"
    rule = f"{settings.KEPT_BUILDS} newest builds, and those of {settings.KEPT_DAYS:g} days, are kept"
    logs.append(build, [logs.Line("system/deployer", f"{what} removed on {now:%Y-%m-%d} by retention: the {rule}.")])
    gone = {"log_removed_at": now, "images_removed_at": now if build.images else None}
    Build.objects.filter(pk=build.pk).update(**gone)
    pushed_images.let_go([build.pk])


def delete_lines() -> int:
    """Of logs that are gone all but the line that says so. Gives how many lines went."""
    earlier = LogLine.objects.filter(owner=OuterRef("pk"), number__lt=OuterRef("last_line"))
    builds = Build.objects.filter(log_removed_at__isnull=False).filter(Exists(earlier)).order_by("pk")
    removed = 0
    for build in builds.only("pk", "last_line")[:OWNERS]:
        lines = LogLine.objects.filter(owner=build.pk, number__lt=build.last_line)
        while keys := list(lines.order_by("number").values_list("pk", flat=True)[:LINES]):
            removed += LogLine.objects.filter(pk__in=keys).delete()[0]
    return removed
