"""What a client may want to know about the server and itself."""

from django.conf import settings
from ninja import Router
from pydantic import BaseModel

import deployer
from releases.api.authentication import Request
from releases.api.errors import documented

router = Router()


class ServerInfo(BaseModel):
    version: str
    url: str
    person: str
    role: str
    acting_as: str


@router.get("", response={200: ServerInfo, **documented()})
def server_info(request: Request) -> ServerInfo:
    """The server's version, and as whom it knows you."""
    actor = request.actor
    return ServerInfo(
        version=deployer.__version__,
        url=settings.DEPLOYER_URL,
        person=actor.person.username if actor.person else "",
        role=actor.role or "",
        acting_as=actor.label,
    )
