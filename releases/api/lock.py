"""An app's lock: nothing is promoted while it holds."""

from datetime import datetime
from typing import Annotated

from ninja import Path, Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Moment, Text
from releases.api.lookups import find_app
from releases.models import App

router = Router()


class Lock(BaseModel):
    """`until` null: until somebody takes it away."""

    reason: str
    by: str
    since: datetime
    until: datetime | None


class LockState(BaseModel):
    """Without a lock all but `locked` is blank or null; one whose time is over is none."""

    locked: bool
    reason: str
    by: str
    since: datetime | None
    until: datetime | None


class NewLock(Body):
    reason: Annotated[Text, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
    # When it ends by itself: in the future, within a year.
    until: Moment | None = None


@router.get("/lock", response={200: LockState, **documented(404)})
def lock_of_app(request: Request, app_name: Path[str]) -> LockState:
    """Whether it is locked now, by whom, why, and for how long."""
    return _state(find_app(app_name, by=request.actor))


@router.put("/lock", response={200: LockState, **documented(404, 409)})
def lock_app(request: Request, app_name: Path[str], payload: NewLock) -> LockState:
    """From now on nothing is promoted or rolled back; promotes that no person asked for wait. A lock is replaced.

    What runs goes on, and may be aborted; scale and domains may be changed.
    """
    app = find_app(app_name, by=request.actor)
    return _state(actions.lock_app(app, by=request.actor, reason=payload.reason, until=payload.until))


@router.delete("/lock", response={204: None, **documented(404, 409)})
def unlock_app(request: Request, app_name: Path[str]) -> Status:
    """Whoever locked it. What waited meanwhile begins."""
    actions.unlock_app(find_app(app_name, by=request.actor), by=request.actor)
    return Status(204, None)


def lock_in_short(app: App) -> Lock | None:
    lock = app.lock
    return Lock(reason=lock.reason, by=lock.by_label, since=lock.since, until=lock.until) if lock else None


def _state(app: App) -> LockState:
    lock = lock_in_short(app)
    if lock is None:
        return LockState(locked=False, reason="", by="", since=None, until=None)
    return LockState(locked=True, **lock.model_dump())
