"""Builds of one app run one after the other, in the order in which they were asked for."""

import logging

from django.db import transaction
from django.db.models import Q, QuerySet

from releases import queues
from releases.models import App, Build
from releases.models.locks import locked

logger = logging.getLogger(__name__)


def ahead_of(build: Build) -> QuerySet[Build]:
    """The builds of its app that have to end before it may begin, in their order; none of one that has begun."""
    others = Build.unfinished().filter(app=build.app_id).exclude(pk=build.pk)
    if build.status != "queued":
        return others.none()
    older = Q(created_at__lt=build.created_at) | Q(created_at=build.created_at, pk__lt=build.pk)
    return others.filter(older | Q(taken=True) | Q(status="running")).order_by("created_at", "pk")


def take_build(build_id: str, epoch: int) -> Build | None:
    """For the worker that may carry it in this epoch. None if another has it, it is over, or its turn has not come:
    then whoever is before it has it enqueued again."""
    with transaction.atomic():
        build = Build.objects.filter(pk=build_id).only("app_id", "status", "created_at").first()
        if build is None:
            return None
        locked(App.objects.filter(pk=build.app_id)).first()  # of two that come at once one sees the other
        build.refresh_from_db(fields=["status"])
        return None if ahead_of(build).exists() else Build.take(build_id, epoch)


def start_next_build(app_id: int) -> None:
    """Enqueue whose turn has come and whose job came too early. Never raises: the reaper makes it good."""
    try:
        build = Build.objects.filter(app=app_id, status="queued", taken=False).order_by("created_at", "pk").first()
        if build is not None and not ahead_of(build).exists() and not queues.is_enqueued(build) and build.renew():
            queues.enqueue_build(build)
    except Exception as error:
        logger.warning("the next build of app %s waits for the reaper: %s", app_id, error)
