"""What a client may want to know about the server."""

from typing import Annotated, Any

from django.conf import settings
from django.db import connection
from ninja import Router
from pydantic import BaseModel, Field

import deployer
from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented

router = Router()
Natural = Annotated[int, Field(ge=0)]


class Limits(BaseModel):
    """`requests_per_minute`: of each token or session, 0 for no limit; bytes and seconds."""

    requests_per_minute: Natural
    upload_bytes: Natural
    source_bytes: Natural
    source_files: Natural
    build_seconds: Natural
    builds_per_app: Natural


class ServerInfo(BaseModel):
    """`embedded`: apps run on the cluster that came with Deployer, for development.

    `parts`: database, redis, workers and cluster, each with what is wrong with it in words, or "" when it answers.
    """

    version: str
    url: str
    person: str
    role: str
    acting_as: str
    database: str
    embedded: bool
    ready: bool
    parts: dict[str, str]
    limits: Limits


@router.get("", response={200: ServerInfo, **documented()})
def server_info(request: Request) -> ServerInfo:
    """The server's version, state and limits, and as whom it knows you."""
    actor, parts = request.actor, actions.readiness()
    return ServerInfo(
        version=deployer.__version__,
        url=settings.DEPLOYER_URL,
        person=actor.person.username if actor.person else "",
        role=actor.role or "",
        acting_as=actor.label,
        database=connection.vendor,
        embedded=bool(settings.DEPLOYER_APP_URL),
        ready=not any(parts.values()),
        parts=parts,
        limits=Limits(**_limits()),
    )


def _limits() -> dict[str, Any]:
    return {
        "requests_per_minute": settings.API_REQUESTS_PER_MINUTE,
        "upload_bytes": settings.UPLOAD_MAX_BYTES,
        "source_bytes": settings.SOURCE_MAX_BYTES,
        "source_files": settings.SOURCE_MAX_FILES,
        "build_seconds": settings.BUILD_DEADLINE,
        "builds_per_app": settings.BUILDS_PER_APP,
    }
