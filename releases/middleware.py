"""For every request: who asks, and a page in words when the database can't be used."""

import logging
from collections.abc import Callable
from urllib.parse import quote

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject

from releases import policy
from releases.models.trouble import trouble_of

logger = logging.getLogger(__name__)
RETRY_SECONDS = 2


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


class MethodMiddleware:
    """Who opens the address of a button, or sends a form to a page, is told so in words."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            response.content = render_to_string("405.html", request=request)
            add_never_cache_headers(response)
        return response


class SlashMiddleware:
    """An address of a page that somebody typed or linked with a slash behind it leads to the page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        path = request.path_info.rstrip("/")
        if response.status_code == 404 and request.method in ("GET", "HEAD") and _is_page_behind(path, request):
            query = request.META.get("QUERY_STRING", "")
            return HttpResponseRedirect(quote(path) + (f"?{query}" if query else ""))
        return response


def _is_page_behind(path: str, request: HttpRequest) -> bool:
    """One slash at the beginning: two would name another host."""
    ours = path.startswith("/") and not path.startswith(("//", "/api/", "/admin/"))
    return ours and path != request.path_info and bool(is_valid_path(path))


class DatabaseMiddleware:
    """A database that is busy, away, full or outdated has a page of its own, drawn without asking it anything."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        trouble = trouble_of(error) if isinstance(error, DatabaseError) else None
        if trouble is None:
            return None
        logger.warning("%s %s: %s", request.method, request.path, error)
        page = render_to_string("database.html", {"trouble": trouble})
        if not trouble.is_ours:
            return HttpResponse(page, status=422)
        return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
