"""Rollouts: list, look, abort, read the log."""

from datetime import datetime
from statistics import median
from typing import Any

from django.db.models import F
from django.http.response import HttpResponseBase
from ninja import Path, Router
from pydantic import BaseModel

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import After, Limit, Page, page_of
from releases.api.log_stream import SCHEMA, log_response
from releases.api.lookups import NUMBER_MAX, find_app, find_rollout
from releases.errors import Invalid
from releases.models import App, Rollout
from releases.policy import Actor

router = Router()
# From so many earlier ones it is said how long this one may take.
EARLIER = 10


class RolloutSummary(BaseModel):
    number: int
    kind: str
    status: str
    release: str
    previous: str | None
    replaces: int | None
    reason: str
    cause: str
    note: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    by: str


class RolloutInfo(RolloutSummary):
    app: str
    strategy: str
    hint: str
    # The last lines of the container that failed.
    evidence: list[Any]
    squares: list[Any]
    abort_requested: datetime | None
    abort_by: str
    # What it waits for while it is queued, in words.
    waiting_for: str
    # The median of earlier ones that succeeded; null without any.
    expected_seconds: float | None


@router.get("", response={200: Page[RolloutSummary], **documented(404)})
def list_rollouts(request: Request, app_name: Path[str], limit: Limit, cursor: str = "") -> Page[RolloutSummary]:
    """The newest first."""
    app = find_app(app_name, by=request.actor)
    rollouts = Rollout.objects.filter(app=app).annotate(replaced=F("replaces__number")).order_by("-number")
    if cursor:
        rollouts = rollouts.filter(number__lt=_number(cursor))
    rows = list(rollouts.defer(*Rollout.LARGE, "baseline", "progress", "squares", "evidence")[: limit + 1])
    found = [RolloutSummary(**_columns(row, row.replaced)) for row in rows]
    return page_of(found, [str(row.number) for row in rows], limit)


@router.get("/{number}", response={200: RolloutInfo, **documented(404)})
def rollout_info(request: Request, app_name: Path[str], number: Path[int]) -> RolloutInfo:
    """How it stands; when it failed, why and what to do about it."""
    return rollout_details(find_rollout(find_app(app_name, by=request.actor), number), request.actor)


@router.post("/{number}/abort", response={200: RolloutInfo, **documented(404, 409)})
def abort(request: Request, app_name: Path[str], number: Path[int]) -> RolloutInfo:
    """Stop it: cancelled if nothing has changed yet, else the previous release comes back."""
    app = find_app(app_name, by=request.actor)
    actions.abort(find_rollout(app, number), by=request.actor)
    return rollout_details(find_rollout(app, number), request.actor)


@router.post("/{number}/continue", response={200: RolloutInfo, **documented(404, 409)})
def continue_rollout(request: Request, app_name: Path[str], number: Path[int]) -> RolloutInfo:
    """Go on after a step that waits for a person. No strategy has one yet, so this is refused."""
    app = find_app(app_name, by=request.actor)
    actions.continue_rollout(find_rollout(app, number), by=request.actor)
    return rollout_details(find_rollout(app, number), request.actor)


@router.get("/{number}/log", response={200: None, **documented(404)}, openapi_extra=SCHEMA)
def rollout_log(
    request: Request, app_name: Path[str], number: Path[int], after: After, follow: bool = False
) -> HttpResponseBase:
    """Its log after line `after`; with `follow` as it grows, until the rollout is over."""
    return log_response(request, find_rollout(find_app(app_name, by=request.actor), number), after, following=follow)


def rollout_details(rollout: Rollout, by: Actor) -> RolloutInfo:
    return RolloutInfo(
        **_columns(rollout, _replaced(rollout)),
        app=rollout.app.name,
        strategy=rollout.strategy,
        hint=rollout.hint,
        evidence=rollout.evidence,
        squares=rollout.squares,
        abort_requested=rollout.abort_requested_at,
        abort_by=rollout.abort_by,
        waiting_for=actions.queue_place(rollout, by=by),
        expected_seconds=_expected_seconds(rollout.app),
    )


def _columns(rollout: Rollout, replaces: int | None) -> dict[str, Any]:
    """`replaces`: the number of the one that it ended."""
    return {
        "number": rollout.number,
        "kind": rollout.kind,
        "status": rollout.status,
        "release": rollout.release_id,
        "previous": rollout.previous_id,
        "replaces": replaces,
        "reason": rollout.reason,
        "cause": rollout.cause,
        "note": rollout.note,
        "created": rollout.created_at,
        "started": rollout.started_at,
        "finished": rollout.finished_at,
        "by": rollout.by_label,
    }


def _replaced(rollout: Rollout) -> int | None:
    if rollout.replaces_id is None:
        return None
    return Rollout.objects.filter(pk=rollout.replaces_id).values_list("number", flat=True).first()


def _expected_seconds(app: App) -> float | None:
    earlier = app.rollouts.filter(status="succeeded").exclude(finished_at=None).order_by("-number")
    times = earlier.values_list("created_at", "finished_at")[:EARLIER]
    seconds = [(finished - created).total_seconds() for created, finished in times if finished]
    return round(median(seconds), 1) if seconds else None


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 10) or int(cursor) > NUMBER_MAX:
        raise Invalid("cursor: a rollout's number was expected.")
    return int(cursor)
