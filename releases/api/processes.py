"""Processes: what runs now, and how many of each service."""

from datetime import datetime

from ninja import Path, Router
from pydantic import BaseModel

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Count
from releases.api.lookups import find_app

router = Router()


class ProcessInfo(BaseModel):
    name: str
    service: str
    release: str
    state: str
    reason: str
    restarts: int
    started: datetime | None


class NewScale(Body):
    count: Count


class Scale(BaseModel):
    service: str
    count: int


@router.get("/processes", response={200: list[ProcessInfo], **documented(404)})
def list_processes(request: Request, app_name: Path[str]) -> list[ProcessInfo]:
    """As the cluster reports them now, by service and age."""
    return [
        ProcessInfo(
            name=process.name,
            service=process.service,
            release=process.release,
            state=process.state,
            reason=process.reason,
            restarts=process.restarts,
            started=process.started_at,
        )
        for process in actions.processes(find_app(app_name), by=request.actor)
    ]


@router.put("/services/{service}/scale", response={200: Scale, **documented(404, 409)})
def scale(request: Request, app_name: Path[str], service: str, payload: NewScale) -> Scale:
    """Now and in later releases."""
    actions.scale(find_app(app_name), service, payload.count, by=request.actor)
    return Scale(service=service, count=payload.count)
