"""Which builds and rollouts GitHub has not been told of yet."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from releases.models import Build, Rollout, Source
from releases.pipeline import repositories

# News older than this is none: whoever was away as long is not told of each step that was taken meanwhile.
NEWS_FOR = timedelta(days=7)
# What had begun a moment before there was somebody to tell.
A_MOMENT = timedelta(minutes=1)


def is_anybody_there(source: Source) -> bool:
    """Whether it is a repository on GitHub, and somebody gave us the means to speak there."""
    return bool(repositories.github_name(source.url)) and (bool(source.token) or repositories.has_github_app())


def settle_beginnings() -> None:
    """Since when each source's repository is told: from the moment that we are somebody there."""
    for source in Source.objects.only("id", "url", "token", "reports_since"):
        there = is_anybody_there(source)
        if there != (source.reports_since is not None):
            since = timezone.now() - A_MOMENT if there else None
            changes = {"reports_since": since, "report_after": None, "report_failures": 0, "report_problem": ""}
            Source.objects.filter(pk=source.pk, url=source.url).update(**changes)


def sources(now: datetime) -> list[int]:
    """Those that something is to be told of, and whose time to be tried has come."""
    news = now - NEWS_FOR
    builds = Build.objects.filter(app=OuterRef("app"), repository=OuterRef("url"), created_at__gte=news)
    builds = builds.filter(created_at__gte=OuterRef("reports_since")).exclude(commit="").exclude(told=F("status"))
    rollouts = Rollout.objects.filter(app=OuterRef("app"), release__build__repository=OuterRef("url"))
    rollouts = rollouts.filter(created_at__gte=news).filter(created_at__gte=OuterRef("reports_since"))
    rollouts = rollouts.exclude(release__build__commit="").exclude(told=F("status"))
    due = Source.objects.filter(Q(report_after=None) | Q(report_after__lte=now), app__deleting_at=None)
    return list(due.filter(Exists(builds) | Exists(rollouts)).order_by("pk").values_list("pk", flat=True))


def builds_of(source: Source) -> QuerySet[Build]:
    """The oldest first."""
    rows = Build.objects.filter(app=source.app_id, repository=source.url, created_at__gte=_from(source))
    rows = rows.exclude(commit="").exclude(told=F("status"))
    return rows.select_related("app").defer("manifest", "images").order_by("created_at", "pk")


def rollouts_of(source: Source) -> QuerySet[Rollout]:
    """The oldest first."""
    rows = Rollout.objects.filter(app=source.app_id, release__build__repository=source.url)
    rows = rows.filter(created_at__gte=_from(source)).exclude(release__build__commit="").exclude(told=F("status"))
    return (
        rows.select_related("app__cluster", "release__build")
        .defer(*Rollout.LARGE, "baseline", "release__env", "app__staged", "app__cluster__kubeconfig")
        .order_by("number")
    )


def is_overtaken(build: Build) -> bool:
    """Whether a newer build of its commit has a say there: of two that speak for one commit the newest counts."""
    same = Build.objects.filter(app=build.app_id, repository=build.repository, commit=build.commit)
    return same.filter(created_at__gt=build.created_at).exists()


def _from(source: Source) -> datetime:
    assert source.reports_since is not None
    return max(source.reports_since, timezone.now() - NEWS_FOR)
