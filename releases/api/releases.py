"""Releases: list, look, make one by hand, promote, roll back."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Case, CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When
from ninja import Path, Query, Router, Status
from pydantic import BaseModel, Field, StringConstraints

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, Page, Sentence, Text, page_of
from releases.api.idempotency import idempotent
from releases.api.lookups import find_app, find_build, find_release
from releases.api.rollouts import RolloutInfo, rollout_details
from releases.models import App, Person, Release, Rollout

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


class Change(Body):
    """Of the active variables, with what is staged; in this release alone."""

    set: dict[str, str] = Field(default_factory=dict)
    unset: list[str] = Field(default_factory=list)


class NewRelease(Body):
    build: Text
    env: Change = Field(default_factory=Change)
    # Blank: that of the build.
    description: Annotated[Text, StringConstraints(max_length=300)] = ""
    # Start a rollout of it at once: both, or neither. `note` and `replace` are of that.
    promote: bool = False
    note: Sentence = ""
    replace: bool = False


class Wanted(BaseModel):
    """Which releases. `by`: a user name, whichever token they came with; or what the history says (a push, the system).
    `search`: somewhere in the description, whatever the case."""

    status: ReleaseStatus | None = None
    build: Annotated[str, StringConstraints(pattern=r"^[Bb][A-Za-z]{10}$")] | None = None
    by: Annotated[Text, StringConstraints(max_length=200)] = ""
    search: Annotated[Text, StringConstraints(max_length=200)] = ""


@router.get("", response={200: Page[ReleaseSummary], **documented(404)})
def list_releases(
    request: Request, app_name: Path[str], wanted: Query[Wanted], limit: Limit, cursor: str = ""
) -> Page[ReleaseSummary]:
    """The newest first. The cursor is a place between two releases: what is made meanwhile moves nothing."""
    app = find_app(app_name, by=request.actor)
    releases = _filtered(app, wanted)
    if cursor:
        last = find_release(app, cursor)
        releases = releases.filter(created_at__lte=last.created_at).exclude(created_at=last.created_at, id__gte=last.pk)
    releases = _with_status(app, releases).order_by("-created_at", "-id")
    rows = list(releases.defer("env", "manifest", "images")[: limit + 1])
    return page_of([_summary(row) for row in rows], [row.pk for row in rows], limit)


@router.post("", response={201: ReleaseInfo, **documented(404, 409)})
@idempotent
def create_release(request: Request, app_name: Path[str], payload: NewRelease) -> Status:
    """Of a build that succeeded, with the active variables, what is staged, and what `env` changes of them."""
    app = find_app(app_name, by=request.actor)
    release, _ = actions.create_release(
        app,
        find_build(app, payload.build),
        by=request.actor,
        set=payload.env.set,
        unset=payload.env.unset,
        description=payload.description,
        promote=payload.promote,
        note=payload.note,
        replace=payload.replace,
    )
    return Status(201, _info(app, release.pk))


@router.get("/{release_id}", response={200: ReleaseInfo, **documented(404)})
def release_info(request: Request, app_name: Path[str], release_id: str) -> ReleaseInfo:
    """With the names of its variables; their values are never shown here."""
    app = find_app(app_name, by=request.actor)
    return _info(app, find_release(app, release_id).pk)


@router.post("/{release_id}/promote", response={201: RolloutInfo, **documented(404, 409)})
@idempotent
def promote(request: Request, app_name: Path[str], release_id: str, payload: Why | None = None) -> Status:
    """Start a rollout of it."""
    release, why = find_release(find_app(app_name, by=request.actor), release_id), payload or Why()
    rollout = actions.promote(release, by=request.actor, note=why.note, replace=why.replace)
    return Status(201, rollout_details(rollout, request.actor))


@router.post("/{release_id}/rollback", response={201: Promoted, **documented(404, 409)})
@idempotent
def rollback(request: Request, app_name: Path[str], release_id: str, payload: Why | None = None) -> Status:
    """Copy it and start a rollout of the copy. What is staged is discarded."""
    app = find_app(app_name, by=request.actor)
    release, why = find_release(app, release_id), payload or Why()
    rollout = actions.rollback(release, by=request.actor, note=why.note, replace=why.replace)
    begun = rollout_details(rollout, request.actor)
    return Status(201, Promoted(release=_info(app, rollout.release_id), rollout=begun))


def _filtered(app: App, wanted: Wanted) -> QuerySet[Release]:
    """Each filter by columns that an index has beside the order of the list."""
    releases = Release.objects.filter(app=app)
    active = Q(pk=app.active_release_id or "")
    if wanted.status == "active":
        releases = releases.filter(active)
    elif wanted.status:
        releases = releases.filter(outcome=wanted.status).exclude(active)
    if wanted.build:
        releases = releases.filter(build=wanted.build.upper())
    if wanted.by:
        person = Person.objects.filter(username=wanted.by).first()
        releases = releases.filter(by=person) if person else releases.filter(by_label=wanted.by)
    return releases.filter(description__icontains=wanted.search) if wanted.search else releases


def _with_status(app: App, releases: QuerySet[Release]) -> QuerySet:
    """With what people want to know of each: is it active, and if not, did its last rollout come to grief?"""
    last = Rollout.objects.filter(release=OuterRef("pk")).order_by("-number")
    return releases.annotate(
        last_number=Subquery(last.values("number")[:1]),
        status=Case(
            When(pk=app.active_release_id or "", then=Value("active")),
            When(outcome="succeeded", then=Value("")),
            default=F("outcome"),
            output_field=CharField(),
        ),
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
