"""Releases: list, look, promote, roll back."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import Case, CharField, F, OuterRef, QuerySet, Subquery, Value, When
from ninja import Path, Router, Status
from pydantic import BaseModel

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, Page, Sentence, page_of
from releases.api.lookups import find_app, find_release
from releases.api.rollouts import RolloutInfo, rollout_details
from releases.models import App, Release, Rollout

router = Router()
# The statuses that one can ask for.
ReleaseStatus = Literal[
    "active",
    "queued",
    "releasing",
    "rolling",
    "paused",
    "rolling_back",
    "rolled_back",
    "failed",
    "cancelled",
    "superseded",
]


class ReleaseSummary(BaseModel):
    """`status`: "active"; "" for one that was never rolled out, or was active once; else its last rollout's status."""

    id: str
    status: str
    build: str
    description: str
    rolled_back_to: str | None
    rollout: int | None
    created: datetime
    by: str


class ReleaseInfo(ReleaseSummary):
    app: str
    services: list[str]
    images: dict[str, str]
    variables: list[str]
    missing_variables: list[str]
    manifest: dict[str, Any]


class Promoted(BaseModel):
    release: ReleaseInfo
    rollout: RolloutInfo


class Why(Body):
    note: Sentence = ""
    # End the rollout that runs, and go on from there; refused while that one is rolled back.
    replace: bool = False


@router.get("", response={200: Page[ReleaseSummary], **documented(404)})
def list_releases(
    request: Request, app_name: Path[str], limit: Limit, cursor: str = "", status: ReleaseStatus | None = None
) -> Page[ReleaseSummary]:
    """The newest first."""
    app = find_app(app_name)
    releases = _with_status(app, Release.objects.filter(app=app)).order_by("-created_at", "-id")
    if status:
        releases = releases.filter(status=status)
    if cursor:
        last = find_release(app, cursor)
        releases = releases.filter(created_at__lte=last.created_at).exclude(created_at=last.created_at, id__gte=last.pk)
    rows = list(releases.defer("env", "manifest", "images")[: limit + 1])
    return page_of([_summary(row) for row in rows], [row.pk for row in rows], limit)


@router.get("/{release_id}", response={200: ReleaseInfo, **documented(404)})
def release_info(request: Request, app_name: Path[str], release_id: str) -> ReleaseInfo:
    """With the names of its variables; their values are never shown here."""
    app = find_app(app_name)
    return _info(app, find_release(app, release_id).pk)


@router.post("/{release_id}/promote", response={201: RolloutInfo, **documented(404, 409)})
def promote(request: Request, app_name: Path[str], release_id: str, payload: Why | None = None) -> Status:
    """Start a rollout of it."""
    release, why = find_release(find_app(app_name), release_id), payload or Why()
    rollout = actions.promote(release, by=request.actor, note=why.note, replace=why.replace)
    return Status(201, rollout_details(rollout))


@router.post("/{release_id}/rollback", response={201: Promoted, **documented(404, 409)})
def rollback(request: Request, app_name: Path[str], release_id: str, payload: Why | None = None) -> Status:
    """Copy it and start a rollout of the copy. What is staged is discarded."""
    app = find_app(app_name)
    release, why = find_release(app, release_id), payload or Why()
    rollout = actions.rollback(release, by=request.actor, note=why.note, replace=why.replace)
    return Status(201, Promoted(release=_info(app, rollout.release_id), rollout=rollout_details(rollout)))


def _with_status(app: App, releases: QuerySet[Release]) -> QuerySet:
    """With what people want to know of each: is it active, and if not, did its last rollout come to grief?"""
    last = Rollout.objects.filter(release=OuterRef("pk")).order_by("-number")
    return releases.annotate(
        last_number=Subquery(last.values("number")[:1]), last_status=Subquery(last.values("status")[:1])
    ).annotate(
        status=Case(
            When(pk=app.active_release_id or "", then=Value("active")),
            When(last_status=None, then=Value("")),
            When(last_status="succeeded", then=Value("")),
            default=F("last_status"),
            output_field=CharField(),
        )
    )


def _summary(release: Any) -> ReleaseSummary:
    return ReleaseSummary(
        id=release.pk,
        status=release.status,
        build=release.build_id,
        description=release.description,
        rolled_back_to=release.rolled_back_to_id,
        rollout=release.last_number,
        created=release.created_at,
        by=release.by_label,
    )


def _info(app: App, pk: str) -> ReleaseInfo:
    release = _with_status(app, Release.objects.filter(pk=pk)).get()
    return ReleaseInfo(
        **_summary(release).model_dump(),
        app=app.name,
        services=list(release.manifest["services"]),
        images=release.images,
        variables=sorted(release.env),
        missing_variables=release.missing_variables(),
        manifest=release.manifest,
    )
