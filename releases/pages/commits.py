"""The commits between two releases, as far as their builds tell of them."""

from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from releases.models import Build, Release
from releases.models.build import PULL_REQUEST, PUSH, RECONCILER

SHOWN = 20
TAGS = "refs/tags/"
# Pushes to the branch, whatever became of their builds: the next commit holds them. Of the rest, what was built well.
_IN_LINE = (
    (Q(origin__in=(PUSH, RECONCILER)) | Q(status="succeeded"))
    & ~Q(origin=PULL_REQUEST)
    & ~Q(ref__startswith=TAGS)
    & ~Q(commit="")
)


def between(new: Release, old: Release) -> list[Build]:
    """Those that `new` has and `old` has not, newest first, one build per commit; one more than SHOWN at most.

    Both with their builds. Empty when `new` is from an older build than `old`: then ask the other way round.
    """
    if new.build.created_at <= old.build.created_at:
        return []
    builds = _range(new.build.created_at, old.build.created_at).filter(app=new.app_id)
    others = builds.exclude(pk=new.build_id).exclude(commit__in=(new.build.commit, old.build.commit))
    rows = others.only("id", "app_id", "commit", "subject", "created_at").order_by("-created_at")[: SHOWN * 2]
    found = {build.commit: build for build in reversed(rows)}
    return [new.build, *reversed(found.values())][: SHOWN + 1]


def with_ahead(releases: QuerySet[Release]) -> QuerySet[Any]:
    """With `ahead`: how many commits each has that the active release of its app has not; 0 before the first."""
    builds = _range(OuterRef("build__created_at"), OuterRef("app__active_release__build__created_at"))
    of_app = builds.filter(app=OuterRef("app")).exclude(commit=OuterRef("app__active_release__build__commit"))
    count = of_app.order_by().values("app").annotate(commits=Count("commit", distinct=True)).values("commits")
    return releases.annotate(ahead=Coalesce(Subquery(count, output_field=IntegerField()), 0))


def _range(until: Any, since: Any) -> QuerySet[Build]:
    return Build.objects.filter(_IN_LINE, created_at__lte=until, created_at__gt=since)
