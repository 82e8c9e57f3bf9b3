"""Who asks: a bearer token, or the session of the pages. Either way `request.actor` is who acts."""

from importlib import import_module
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from releases import policy
from releases.models import App, Person, Token


class Request(HttpRequest):
    """As the views get it: somebody acts."""

    actor: policy.Actor


async def is_somebody(headers: dict[bytes, bytes]) -> bool:
    """Whether these headers carry a token or a session that is good now: asked before a large body is read."""
    return await database_sync_to_async(_is_somebody, thread_sensitive=False)(headers)


def recognised(request: Request) -> bool:
    """Whether this request has credentials that are good, for an operation that also takes others. Refuses bad ones."""
    for ask in (BearerToken(), Session()):
        if found := ask(request):
            request.auth = found  # type: ignore[attr-defined]
            return True
    return False


def may_still(action: str, request: Request, app: App | None = None) -> bool:
    """Whether who opened a stream might open it again now: their token, session, person and role as stored."""
    auth = request.auth  # type: ignore[attr-defined]
    if isinstance(auth, Token):
        token = Token.objects.select_related("person").filter(pk=auth.pk).first()
        actor = policy.actor_with(token) if token and token.is_valid else None
    else:
        person = _session_person(request.session.session_key)
        actor = policy.actor_for(person) if person else None
    return actor is not None and not policy.refusals(action, by=actor, app=app)


def _session_person(key: str | None) -> Person | None:
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    person = get_user(request)
    return person if isinstance(person, Person) and person.is_active else None


def _is_somebody(headers: dict[bytes, bytes]) -> bool:
    scheme, _, secret = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return secret.isascii() and Token.find(secret.strip()) is not None
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    return _session_person(cookies.get(settings.SESSION_COOKIE_NAME)) is not None


class BearerToken(HttpBearer):
    """A header that is there and wrong is refused: it does not fall back to a session that happens to be there."""

    def __call__(self, request: HttpRequest) -> Any:
        if "Authorization" not in request.headers:
            return None
        token = super().__call__(request)
        if token is None:
            raise AuthenticationError()
        return token

    def authenticate(self, request: HttpRequest, secret: str) -> Token | None:
        found = Token.find(secret) if secret.isascii() and secret.isprintable() else None
        if found is None:
            return None
        found.used()
        request.actor = policy.actor_with(found)  # type: ignore[attr-defined]
        policy.require("view", by=request.actor)  # type: ignore[attr-defined]
        return found


class Session(SessionAuth):
    """With CSRF protection for what changes something; who has no session is not told about CSRF, but to sign in."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if request.user.is_authenticated else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        person = super().authenticate(request, key)
        if person is not None:
            policy.require("view", by=request.actor)  # type: ignore[attr-defined]
        return person
