"""Tokens: made with name and password; everybody lists and revokes their own."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from ninja import Router, Status
from pydantic import BaseModel, Field, StringConstraints

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented, error
from releases.api.fields import Body, Text
from releases.api.lookups import missing
from releases.models import Token

router = Router()
LIFETIME_MAX_DAYS = 3650


class Credentials(Body):
    username: Annotated[Text, StringConstraints(min_length=1, max_length=150)]
    password: Annotated[Text, StringConstraints(min_length=1, max_length=1024)]
    name: Annotated[Text, StringConstraints(min_length=1, max_length=100)] = "deployer"
    days: Annotated[int, Field(ge=1, le=LIFETIME_MAX_DAYS)] | None = None


class TokenInfo(BaseModel):
    prefix: str
    name: str
    created: datetime
    last_used: datetime | None
    expires: datetime | None


class NewToken(TokenInfo):
    token: str


@router.post("", auth=None, response={201: NewToken, **documented(429)})
def create_token(request: Request, payload: Credentials) -> Status | HttpResponse:
    """A token with your rights. Its secret is shown this once."""
    person = authenticate(request, username=payload.username, password=payload.password)
    if person is None:
        return _refused(request)
    lifetime = timedelta(days=payload.days) if payload.days else None
    token, secret = actions.create_token(by=policy.actor_for(person), name=payload.name, lifetime=lifetime)
    return Status(201, NewToken(**_columns(token), token=secret))


@router.get("", response={200: list[TokenInfo], **documented()})
def list_tokens(request: Request) -> list[TokenInfo]:
    """Your tokens that are still good, the newest first."""
    return [TokenInfo(**_columns(token)) for token in _mine(request).order_by("-created_at", "-pk")]


@router.delete("/{prefix}", response={204: None, **documented(404)})
def revoke_token(request: Request, prefix: str) -> Status:
    """From now on it opens nothing."""
    token = _mine(request).filter(prefix=prefix).first() if prefix.isascii() and prefix.isalnum() else None
    if token is None:
        raise missing("You have no such token.")
    actions.revoke_token(token, by=request.actor)
    return Status(204, None)


def _mine(request: Request) -> QuerySet[Token]:
    good = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return Token.objects.filter(good, person=request.actor.person, revoked_at=None)


def _columns(token: Token) -> dict[str, Any]:
    return {
        "prefix": token.prefix,
        "name": token.name,
        "created": token.created_at,
        "last_used": token.last_used_at,
        "expires": token.expires_at,
    }


def _refused(request: Request) -> HttpResponse:
    """The same answer for an unknown name and a wrong password; 429 once there were too many of them."""
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # else axes' middleware answers in its own form
        seconds = settings.AXES_COOLOFF_TIME * 3600
        return error(429, "too_many_requests", "Too many attempts: try again later.", retry_after=seconds)
    return error(401, "not_authenticated", "Name or password is wrong.")
