"""One build: where its source came from, what it made, how long each step took, what it led to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from releases import actions, policy
from releases.models import Build, Release, Rollout
from releases.pages import status
from releases.pages.durations import in_words, seconds_taken
from releases.pages.origin import origin
from releases.pages.rollout_words import made_how
from releases.policy import Actor

SECTIONS = ("build-head", "build-result", "build-facts", "build-steps")


@dataclass(frozen=True)
class Step:
    """`since`: when the one that goes on began."""

    name: str
    image: str
    took: str
    since: datetime | None = None


def context(build: Build, *, by: Actor) -> dict[str, Any]:
    app, shown, taken = build.app, status.BUILD[build.status], seconds_taken(build)
    release = first_releases([build]).get(build.pk) if build.status == "succeeded" else None
    return {
        "build": build,
        "status": shown,
        "seconds": taken if taken is not None else (timezone.now() - build.created_at).total_seconds(),
        "tab": f"{shown.icon} {build.pk} · {app.name}",
        "made_how": made_how(build, by=by),
        "release": release,
        "led_to": _rollout(release),
        "origin": origin(build),
        "place": actions.queue_place(build, by=by),
        "steps": _steps(build),
        "waited": in_words((build.started_at - build.created_at).total_seconds()) if build.started_at else "",
        "took": in_words(taken) if taken is not None else "",
        "cancel_refusals": policy.refusals("cancel_build", by=by, app=app),
        "again_refusals": policy.refusals("create_build", by=by, app=app, again=build) if build.is_finished else [],
    }


def first_releases(builds: list[Build]) -> Mapping[str, Release]:
    """Build → the release that it made: the first, for a change of variables makes more of the same build."""
    made = Release.objects.filter(build=OuterRef("pk"), rolled_back_to=None).order_by("created_at", "pk")
    found = Build.objects.filter(pk__in=[build.pk for build in builds]).annotate(made=Subquery(made.values("pk")[:1]))
    rows = Release.objects.filter(pk__in=found.values_list("made", flat=True))
    return {release.build_id: release for release in rows.only("id", "app_id", "build_id", "outcome")}


def _rollout(release: Release | None) -> tuple[Rollout, status.Status] | None:
    """The last of `release`."""
    if release is None or not release.outcome:
        return None
    newest = release.rollouts.order_by("-number").only("id", "number", "app_id", "status", "reason", "release_id")
    rollout = newest.first()
    return (rollout, status.ROLLOUT[rollout.status]) if rollout else None


def _steps(build: Build) -> list[Step]:
    found = []
    for row in build.steps:
        seconds, began = row.get("seconds"), parse_datetime(row.get("at", ""))
        goes_on = seconds is None and not build.is_finished
        took = in_words(seconds) if seconds is not None else ""
        found.append(Step(row.get("name", ""), row.get("image", ""), took, began if goes_on else None))
    return found
