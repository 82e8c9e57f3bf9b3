"""Who asks: a bearer token, or the session of the pages. Either way `request.actor` is who acts."""

from typing import Any

from django.http import HttpRequest
from ninja.errors import AuthenticationError
from ninja.security import HttpBearer, SessionAuth

from releases import policy
from releases.models import Token


class Request(HttpRequest):
    """As the views get it: somebody acts."""

    actor: policy.Actor


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
        request.actor = policy.actor_for(found.person, via=f"token {found.name}")  # type: ignore[attr-defined]
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
