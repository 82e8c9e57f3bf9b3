"""Who asks."""

from datetime import datetime

from ninja import Router
from pydantic import BaseModel

from releases import policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.models import App, Token

router = Router()


class MyToken(BaseModel):
    prefix: str
    name: str
    expires: datetime | None


class Me(BaseModel):
    """`scopes`: what you may at most, with the token that you ask with, if it is one; `apps`: null for all.

    `withheld`: action → why you may do it nowhere, by role and token; what you may is not there.
    """

    username: str
    role: str
    acting_as: str
    scopes: list[str]
    apps: list[str] | None
    withheld: dict[str, list[str]]
    token: MyToken | None


@router.get("", response={200: Me, **documented()})
def me(request: Request) -> Me:
    """Who you are here, and what you may."""
    actor = request.actor
    token = actor.token
    reached = policy.reached(App.objects.order_by("name"), by=actor).values_list("name", flat=True)
    return Me(
        username=actor.person.username if actor.person else "",
        role=actor.role or "",
        acting_as=actor.label,
        scopes=token.scopes if token else Token.SCOPES,
        apps=None if actor.apps is None else list(reached),
        withheld=policy.withheld(by=actor),
        token=MyToken(prefix=token.prefix, name=token.name, expires=token.expires_at) if token else None,
    )
