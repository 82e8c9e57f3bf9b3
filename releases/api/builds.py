"""Builds: upload, look, cancel, read the log."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http.response import HttpResponseBase
from ninja import File, Form, Path, Router, Status
from ninja.errors import HttpError, ValidationError
from ninja.files import UploadedFile
from pydantic import BaseModel, StringConstraints
from pydantic import ValidationError as PydanticError

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import After, Body, Limit, Page, Sentence, StrictParser, Text, page_of
from releases.api.idempotency import idempotent
from releases.api.log_stream import SCHEMA, log_response
from releases.api.lookups import find_app, find_build
from releases.models import App, Build, Release, Rollout
from releases.models.build import WAITING
from releases.policy import Actor

router = Router()


class BuildInfo(BaseModel):
    id: str
    app: str
    status: str
    reason: str
    # Why it failed, as a word, and what to do about it.
    cause: str
    hint: str
    # upload, git, push, pull_request or reconciler.
    origin: str
    repository: str
    ref: str
    # The release that it made, and the number of its first rollout.
    release: str | None
    rollout: int | None
    promote: bool
    replace: bool
    refusals: list[str]
    # Its place in the line and what it waits for, in words; blank when it waits for nothing.
    waiting_for: str
    # Since when the log and the images are gone, by retention; the log itself says so, too.
    log_removed: datetime | None
    images_removed: datetime | None
    # Of a promote that waits for GitHub's checks: waiting, green, failed or missed, and in words.
    checks: str
    checks_words: str
    commit: str
    subject: str
    dirty: bool
    description: str
    note: str
    source_bytes: int
    created: datetime
    started: datetime | None
    finished: datetime | None
    by: str


@router.get("", response={200: Page[BuildInfo], **documented(404)})
def list_builds(request: Request, app_name: Path[str], limit: Limit, cursor: str = "") -> Page[BuildInfo]:
    """The newest first."""
    app = find_app(app_name, by=request.actor)
    builds = _with_results(Build.objects.filter(app=app)).order_by("-created_at", "-id")
    if cursor:
        last = find_build(app, cursor)
        builds = builds.filter(created_at__lte=last.created_at).exclude(created_at=last.created_at, id__gte=last.pk)
    rows = list(builds[: limit + 1])
    return page_of([_info(app, build, request.actor) for build in rows], [build.pk for build in rows], limit)


class Commit(Body):
    """What to build of the app's repository: a commit (7 to 40 digits), or a branch or tag; else its own branch."""

    commit: Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{7,40})?$")] = ""
    ref: Annotated[Text, StringConstraints(max_length=255)] = ""
    description: Annotated[Text, StringConstraints(max_length=300)] = ""
    note: Sentence = ""
    promote: bool = False
    replace: bool = False


OR_JSON = {"requestBody": {"content": {"application/json": {"schema": Commit.model_json_schema()}}}}


@router.post("", response={201: BuildInfo, **documented(404, 409, 413)}, openapi_extra=OR_JSON)
@idempotent
def create_build(
    request: Request,
    app_name: Path[str],
    source: Annotated[UploadedFile | None, File(None)],
    description: Annotated[Text, StringConstraints(max_length=300), Form("")],
    commit: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{7,40})?$"), Form("")],
    subject: Annotated[Text, StringConstraints(max_length=10_000), Form("")],
    note: Annotated[Sentence, Form("")],
    dirty: Annotated[bool, Form(False)],
    promote: Annotated[bool, Form(False)],
    replace: Annotated[bool, Form(False)],
) -> Status:
    """Build the tar.gz in `source`; or, asked as JSON, a commit of the app's repository.

    With `promote` the server promotes its release, whatever becomes of the client.

    While a rollout runs that waits for its end; with `replace` it ends that one.
    """
    app = find_app(app_name, by=request.actor)
    if request.content_type == "application/json":
        build = actions.create_build_from_git(app, by=request.actor, **_commit(request).model_dump())
        return Status(201, _found(app, build.pk, request.actor))
    if source is None:
        raise ValidationError([{"type": "missing", "loc": ("file", "source"), "msg": "Field required"}])
    build = actions.create_build(
        app,
        source=source,  # type: ignore[arg-type]
        by=request.actor,
        description=description,
        commit=commit,
        subject=subject,
        dirty=dirty,
        promote=promote,
        replace=replace,
        note=note,
    )
    return Status(201, _found(app, build.pk, request.actor))


@router.get("/{build_id}", response={200: BuildInfo, **documented(404)})
def build_info(request: Request, app_name: Path[str], build_id: str) -> BuildInfo:
    """How it stands, and what it made."""
    app = find_app(app_name, by=request.actor)
    return _found(app, find_build(app, build_id).pk, request.actor)


@router.post("/{build_id}/cancel", response={200: BuildInfo, **documented(404, 409)})
def cancel_build(request: Request, app_name: Path[str], build_id: str) -> BuildInfo:
    """At once if it has not begun, else within moments."""
    app = find_app(app_name, by=request.actor)
    build = find_build(app, build_id)
    actions.cancel_build(build, by=request.actor)
    return _found(app, build.pk, request.actor)


@router.get("/{build_id}/log", response={200: None, **documented(404)}, openapi_extra=SCHEMA)
def build_log(
    request: Request, app_name: Path[str], build_id: str, after: After, follow: bool = False
) -> HttpResponseBase:
    """Its log after line `after`; with `follow` as it grows, until the build is over."""
    return log_response(request, find_build(find_app(app_name, by=request.actor), build_id), after, following=follow)


def _commit(request: Request) -> Commit:
    """The same strictness as elsewhere, where only one of two kinds of bodies is JSON."""
    try:
        return Commit.model_validate(StrictParser().parse_body(request))
    except PydanticError as error:
        raise ValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from error
    except ValueError as error:
        raise HttpError(400, f"Cannot parse request body ({error})") from error


def _with_results(builds: QuerySet[Build]) -> QuerySet:
    """With the release that each made, which is its first (a change of variables makes more of the same build)."""
    made = Release.objects.filter(build=OuterRef("pk")).order_by("created_at", "id").values("id")[:1]
    started = Rollout.objects.filter(release__build=OuterRef("pk")).order_by("number").values("number")[:1]
    return builds.defer("manifest", "images").annotate(made=Subquery(made)).annotate(started=Subquery(started))


def _found(app: App, pk: str, by: Actor) -> BuildInfo:
    return _info(app, _with_results(Build.objects.filter(pk=pk)).get(), by)


def _info(app: App, build: Any, by: Actor) -> BuildInfo:
    return BuildInfo(
        id=build.pk,
        app=app.name,
        status=build.status,
        reason=build.reason,
        cause=build.cause,
        hint=build.hint,
        origin=build.origin,
        repository=build.repository,
        ref=build.ref,
        release=build.made,
        rollout=build.started,
        promote=build.promote,
        replace=build.replace,
        refusals=build.refusals,
        waiting_for=actions.queue_place(build, by=by) if _may_wait(app, build) else "",
        log_removed=build.log_removed_at,
        images_removed=build.images_removed_at,
        checks=build.checks,
        checks_words=build.checks_words,
        commit=build.commit,
        subject=build.subject,
        dirty=build.dirty,
        description=build.description,
        note=build.note,
        source_bytes=build.source_bytes,
        created=build.created_at,
        started=build.started_at,
        finished=build.finished_at,
        by=build.by_label,
    )


def _may_wait(app: App, build: Any) -> bool:
    """Of a page of builds few do, and what each waits for takes queries of its own."""
    if build.started or build.refusals:
        return False
    remembered = app.next_release.build_id if app.next_release else ""
    return not build.is_finished or build.checks == WAITING or build.pk == remembered
