"""Tokens: made with name and password, or by who is known already; everybody lists and revokes their own."""

from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Any, Literal

from django.contrib.auth import authenticate
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from ninja import Router, Status
from ninja.errors import AuthenticationError
from pydantic import BaseModel, Field, StringConstraints, model_validator

from releases import actions, policy
from releases.api.authentication import Request, recognised
from releases.api.errors import documented, error
from releases.api.fields import Body, Limit, NumberCursor, Page, Text, page_of
from releases.api.lookups import missing
from releases.models import Token

router = Router()
LIFETIME_MAX_DAYS = 3650
Scope = Literal["read", "build", "promote", "admin"]
AppName = Annotated[Text, StringConstraints(min_length=1, max_length=40)]
# Who has no credentials yet shows name and password in the body.
ANYBODY: dict[str, Any] = {"security": [{}, {"BearerToken": []}, {"Session": []}]}


class TokenWish(Body):
    """`username` and `password`: of who has no token yet; both or neither.

    `scopes` left out: all that you may (with a token: all that it may). `apps`: the names of the only apps that it
    reaches; left out or null: all that you reach.
    """

    username: Annotated[Text, StringConstraints(min_length=1, max_length=150)] | None = None
    password: Annotated[Text, StringConstraints(min_length=1, max_length=1024)] | None = None
    name: Annotated[Text, StringConstraints(min_length=1, max_length=100)] = "deployer"
    days: Annotated[int, Field(ge=1, le=LIFETIME_MAX_DAYS)] | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Token.SCOPES))] | None = None
    apps: Annotated[list[AppName], Field(min_length=1, max_length=1000)] | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> "TokenWish":
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together")
        return self


class TokenInfo(BaseModel):
    """`apps`: null for all. `current`: the one that you ask with. `made_with`: the prefix of the token that it was made
    with, and is revoked with; null where it was made by password or in a session."""

    prefix: str
    name: str
    person: str
    scopes: list[Scope]
    apps: list[str] | None
    created: datetime
    last_used: datetime | None
    expires: datetime | None
    current: bool
    made_with: str | None


class NewToken(TokenInfo):
    token: str


@router.post("", auth=None, response={201: NewToken, **documented()}, openapi_extra=ANYBODY)
def create_token(request: Request, payload: TokenWish) -> Status | HttpResponse:
    """Make a token. Its secret is shown this once."""
    if payload.username is not None:
        person = authenticate(request, username=payload.username, password=payload.password)
        if person is None:
            return _refused(request, payload.username)
        request.actor = policy.actor_for(person)
    elif not recognised(request):
        raise AuthenticationError()
    lifetime = timedelta(days=payload.days) if payload.days else None
    token, secret = actions.create_token(
        by=request.actor,
        name=payload.name,
        lifetime=lifetime,
        scopes=list(payload.scopes) if payload.scopes else None,
        apps=payload.apps,
    )
    return Status(201, NewToken(**_columns(token, request), token=secret))


@router.get("", response={200: Page[TokenInfo], **documented()})
def list_tokens(request: Request, limit: Limit, cursor: NumberCursor, all: bool = False) -> Page[TokenInfo]:
    """Your tokens that are still good, the newest first; with `all`, for administrators, everybody's."""
    tokens = _within_reach(request)
    if all:
        policy.require("manage_people", by=request.actor)
    else:
        tokens = tokens.filter(person=request.actor.person)
    if cursor:
        tokens = tokens.filter(pk__lt=int(cursor))
    rows = list(tokens.select_related("person", "made_with").prefetch_related("apps").order_by("-pk")[: limit + 1])
    return page_of([TokenInfo(**_columns(row, request)) for row in rows], [str(row.pk) for row in rows], limit)


@router.delete("/{prefix}", response={204: None, **documented(404)})
def revoke_token(request: Request, prefix: str) -> Status:
    """From now on it opens nothing, nor does what was made with it. Yours, or as an administrator anybody's."""
    tokens = _within_reach(request)
    if policy.refusals("manage_people", by=request.actor):
        tokens = tokens.filter(person=request.actor.person)
    token = tokens.filter(prefix=prefix).first() if prefix.isascii() and prefix.isalnum() else None
    if token is None:
        raise missing("You have no such token.")
    actions.revoke_token(token, by=request.actor)
    return Status(204, None)


def _within_reach(request: Request) -> QuerySet[Token]:
    """Those that are good; of a token for some apps only such as reach no others, whose names it may not know."""
    apps = request.actor.apps
    if apps is None:
        return Token.good()
    beyond = Token.apps.through.objects.exclude(app_id__in=apps).values("token_id")
    return Token.good().filter(all_apps=False).exclude(pk__in=beyond)


def _columns(token: Token, request: Request) -> dict[str, Any]:
    mine = request.actor.token
    return {
        "prefix": token.prefix,
        "name": token.name,
        "person": token.person.username,
        "scopes": token.scopes,
        "apps": None if token.all_apps else sorted(app.name for app in token.apps.all()),
        "created": token.created_at,
        "last_used": token.last_used_at,
        "expires": token.expires_at,
        "made_with": token.made_with.prefix if token.made_with else None,
        "current": mine is not None and mine.pk == token.pk,
    }


def _refused(request: Request, username: str) -> HttpResponse:
    """The same answer for an unknown name and a wrong password; 429 once there were too many of them."""
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # else axes' middleware answers in its own form
        until = actions.locked_out_until(username, request.axes_ip_address)  # type: ignore[attr-defined]
        seconds = max(1, ceil((until - timezone.now()).total_seconds())) if until else 1
        return error(429, "too_many_requests", "Too many attempts: try again later.", retry_after=seconds)
    return error(401, "not_authenticated", "Name or password is wrong.")
