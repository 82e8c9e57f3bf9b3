"""Where an app is built from, what a push does, and what GitHub delivered. No secret is in an answer but a new one."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Path, Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Limit, Page, Text, page_of
from releases.api.lookups import NUMBER_MAX, find_app, find_delivery, find_source, missing
from releases.models import Delivery, Source

router = Router()
Word = Annotated[Text, StringConstraints(max_length=255)]
Url = Annotated[Text, StringConstraints(max_length=2000)]
Secret = Annotated[Text, StringConstraints(max_length=16_384)]


class SourceWish(Body):
    """`token` and `deploy_key`: left out they stay, unless the address changes; "" removes them."""

    url: Url
    branch: Word = "main"
    on_push: Literal["nothing", "build", "promote"] = "build"
    # Promote only once GitHub's checks of the commit are green.
    wait_for_checks: bool = False
    build_tags: bool = False
    # Builds only, and never by themselves those of forks.
    build_pull_requests: bool = False
    token: Secret | None = None
    token_username: Word = ""
    deploy_key: Secret | None = None
    known_hosts: Secret = ""


class SourceInfo(BaseModel):
    """`webhook_secret`: only in the answer that made it. `stopped`: since when nothing is promoted by itself."""

    app: str
    url: str
    branch: str
    on_push: str
    wait_for_checks: bool
    build_tags: bool
    build_pull_requests: bool
    has_token: bool
    has_deploy_key: bool
    repository: str
    webhook_url: str
    webhook_secret: str | None
    stopped: datetime | None
    stopped_by: str
    stopped_why: str
    head: str
    looked: datetime | None
    problem: str
    hint: str
    problem_since: datetime | None
    by: str


class DeliveryInfo(BaseModel):
    """`status`: received, handled or failed; `decision`: what came of it, in words; `times`: how often it came."""

    id: int
    guid: str
    event: str
    status: str
    decision: str
    build: str | None
    ref: str
    commit: str
    sender: str
    times: int
    replayed_by: str
    can_be_replayed: bool
    received: datetime
    handled: datetime | None


@router.get("/source", response={200: SourceInfo, **documented(404)})
def source_info(request: Request, app_name: Path[str]) -> SourceInfo:
    """The app's repository, what a push does, and whether it can be reached."""
    return _source_info(find_source(find_app(app_name, by=request.actor)))


@router.put("/source", response={200: SourceInfo, **documented(404, 409)})
def set_source(request: Request, app_name: Path[str], payload: SourceWish) -> SourceInfo:
    """Connect the app to a repository, or change what a push does. What is left out is as by default."""
    app = find_app(app_name, by=request.actor)
    _, secret = actions.set_source(app, by=request.actor, **payload.model_dump())
    return _source_info(find_source(app), secret)


@router.delete("/source", response={204: None, **documented(404, 409)})
def remove_source(request: Request, app_name: Path[str]) -> Status:
    """Disconnect the app from its repository: pushes do nothing any more."""
    app = find_app(app_name, by=request.actor)
    find_source(app)
    actions.remove_source(app, by=request.actor)
    return Status(204, None)


@router.post("/source/secret", response={200: SourceInfo, **documented(404, 409)})
def new_webhook_secret(request: Request, app_name: Path[str]) -> SourceInfo:
    """A new secret for the webhook; the old one is void at once."""
    app = find_app(app_name, by=request.actor)
    find_source(app)
    secret = actions.new_webhook_secret(app, by=request.actor)
    return _source_info(find_source(app), secret)


@router.post("/source/resume", response={200: SourceInfo, **documented(404, 409)})
def resume(request: Request, app_name: Path[str]) -> SourceInfo:
    """Promote the next push by itself again. What came meanwhile is left as it is."""
    app = find_app(app_name, by=request.actor)
    find_source(app)
    actions.resume(app, by=request.actor)
    app.refresh_from_db()
    return _source_info(find_source(app))


@router.get("/deliveries", response={200: Page[DeliveryInfo], **documented(404)})
def list_deliveries(request: Request, app_name: Path[str], limit: Limit, cursor: str = "") -> Page[DeliveryInfo]:
    """The newest first."""
    app = find_app(app_name, by=request.actor)
    rows = Delivery.objects.filter(app=app).defer("body").order_by("-received_at", "-pk")
    if cursor:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > len(str(NUMBER_MAX)):
            raise missing("There is no such place in the list.")
        last = find_delivery(app, int(cursor))
        rows = rows.filter(received_at__lte=last.received_at)
        rows = rows.exclude(received_at=last.received_at, pk__gte=last.pk)
    kept = Delivery.objects.filter(app=app, body=None).values_list("pk", flat=True)
    found = list(rows[: limit + 1])
    bare = set(kept.filter(pk__in=[row.pk for row in found]))
    return page_of([_info(row, row.pk in bare) for row in found], [str(row.pk) for row in found], limit)


@router.post("/deliveries/{delivery_id}/replay", response={200: DeliveryInfo, **documented(404, 409)})
def replay_delivery(request: Request, app_name: Path[str], delivery_id: int) -> DeliveryInfo:
    """Handle it once more, by today's rules. This is also how a person has a fork's pull request built."""
    app = find_app(app_name, by=request.actor)
    return _info(actions.replay_delivery(find_delivery(app, delivery_id), by=request.actor), False)


def _source_info(source: Source, secret: str = "") -> SourceInfo:
    return SourceInfo(
        app=source.app.name,
        url=source.url,
        branch=source.branch,
        on_push=source.on_push,
        wait_for_checks=source.wait_for_checks,
        build_tags=source.build_tags,
        build_pull_requests=source.build_pull_requests,
        has_token=bool(source.token),
        has_deploy_key=bool(source.deploy_key),
        repository=source.repository_name,
        webhook_url=actions.webhook_url(source.app),
        webhook_secret=secret or None,
        stopped=source.stopped_at,
        stopped_by=source.stopped_by,
        stopped_why=source.stopped_why,
        head=source.head,
        looked=source.looked_at,
        problem=source.problem,
        hint=source.hint,
        problem_since=source.problem_since,
        by=source.by_label,
    )


def _info(row: Delivery, is_bare: bool) -> DeliveryInfo:
    return DeliveryInfo(
        id=row.pk,
        guid=row.guid,
        event=row.event,
        status=row.status,
        decision=row.decision,
        build=row.build_id,
        ref=row.ref,
        commit=row.commit,
        sender=row.sender,
        times=row.times,
        replayed_by=row.replayed_by,
        can_be_replayed=not is_bare and row.status != "received",
        received=row.received_at,
        handled=row.handled_at,
    )
