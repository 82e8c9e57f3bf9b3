"""Processes: what runs now, how many of each service, and their replacement."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from ninja import Path, Router, Status
from pydantic import BaseModel, Field

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Count, Text
from releases.api.lookups import find_app, missing
from releases.errors import NotFound
from releases.pipeline.inspect import Process

router = Router()


class ProcessInfo(BaseModel):
    """`kind` run: a one-off process with the image of `service`. `reason` says why it is broken, `words` what the
    cluster says of it in any state. `node`: "" before it has a place."""

    name: str
    service: str
    kind: Literal["service", "run"]
    release: str
    state: Literal["ready", "starting", "broken", "stopping", "ended"]
    words: str
    reason: str
    restarts: int
    node: str
    created: datetime | None
    started: datetime | None


class Which(Body):
    # Left out or empty: all.
    services: Annotated[list[Text], Field(max_length=1000)] = []


class Restarted(BaseModel):
    """It goes on in the cluster: it is through when no process of these services is older than `restarted`."""

    services: list[str]
    restarted: datetime


class NewScale(Body):
    count: Count


class Scale(BaseModel):
    service: str
    count: int


@router.get("/processes", response={200: list[ProcessInfo], **documented(404)})
def list_processes(request: Request, app_name: Path[str]) -> list[ProcessInfo]:
    """As the cluster reports them now, by service and age; the one-off ones come last."""
    found = actions.processes(find_app(app_name, by=request.actor), by=request.actor, runs=True)
    return [_info(process) for process in found]


@router.delete("/processes/{name}", response={204: None, **documented(404, 409)})
def stop_process(request: Request, app_name: Path[str], name: str) -> Status:
    """End it. Of a service, another one takes its place."""
    app = find_app(app_name, by=request.actor)
    try:
        actions.stop_process(app, name, by=request.actor)
    except NotFound as error:
        raise missing(error.message) from error
    return Status(204, None)


@router.post("/restart", response={200: Restarted, **documented(404, 409)})
def restart(request: Request, app_name: Path[str], payload: Which | None = None) -> Restarted:
    """Replace the processes by new ones of the same release, a few at a time; refused while a rollout runs."""
    app = find_app(app_name, by=request.actor)
    services, moment = actions.restart(app, (payload or Which()).services, by=request.actor)
    return Restarted(services=services, restarted=moment)


@router.put("/services/{service}/scale", response={200: Scale, **documented(404, 409)})
def scale(request: Request, app_name: Path[str], service: str, payload: NewScale) -> Scale:
    """Now and in later releases."""
    actions.scale(find_app(app_name, by=request.actor), service, payload.count, by=request.actor)
    return Scale(service=service, count=payload.count)


def _info(process: Process) -> ProcessInfo:
    return ProcessInfo(
        name=process.name,
        service=process.service,
        kind="run" if process.is_run else "service",
        release=process.release,
        state=cast(Any, process.state),
        words=process.words,
        reason=process.reason,
        restarts=process.restarts,
        node=process.node,
        created=process.created_at,
        started=process.started_at,
    )
