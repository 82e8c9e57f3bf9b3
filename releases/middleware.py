"""Who asks: every request gets an actor."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

from releases import policy


class ActorMiddleware:
    """`request.actor` is the signed-in person; views that take a token put theirs in its place."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = SimpleLazyObject(lambda: _actor(request))  # type: ignore[attr-defined]
        return self.get_response(request)


def _actor(request: HttpRequest) -> policy.Actor:
    user = request.user
    return policy.actor_for(user) if user.is_authenticated else policy.NOBODY
