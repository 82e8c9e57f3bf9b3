"""What every page and every button has in common: a sign-in, and refusals in words with a fitting status."""

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from releases.errors import (
    BuildFailed,
    ClusterError,
    ClusterUnavailable,
    DeployerError,
    IllegalTransition,
    Invalid,
    NotAllowed,
    RegistryError,
    RolloutFailed,
    Taken,
    WrongState,
)
from releases.policy import Actor

View = Callable[..., HttpResponseBase]
SIGNED_OUT = "You were not signed in any more, so nothing was done. Sign in, and press the button again."
DELETED = "It was deleted in this moment."  # between our finding it and our locking it


class Request(HttpRequest):
    """As our middleware hands it on. `trouble`: a refusal to be told on the page that is drawn."""

    actor: Actor
    trouble: DeployerError


def page(view: View) -> View:
    """A page for people who are signed in; what Deployer refuses is a page of its own."""
    return login_required(never_cache(require_safe(_drawn(view))))


def form_page(view: View) -> View:
    """A page whose form is sent to the page's own address: a reload, or a sign-in in between, leads back to it. The
    view writes refusals of what was sent beside the fields."""
    return login_required(never_cache(require_http_methods(["GET", "HEAD", "POST"])(_drawn(view))))


def _drawn(view: View) -> View:
    @functools.wraps(view)
    def drawn(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _refuse_nul(request)
        try:
            return view(request, *args, **kwargs)
        except ObjectDoesNotExist as error:
            raise Http404(DELETED) from error
        except DeployerError as error:
            return render(request, "trouble.html", {"error": error}, status=status_of(error))

    drawn.is_page = True  # type: ignore[attr-defined]
    return drawn


def deed(view: View) -> View:
    """A button: does something and redirects. A refusal draws the page it came from again, with the reasons above; a
    sign-in in between leads back to that page, where the button waits to be pressed again."""

    @functools.wraps(view)
    def done(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _refuse_nul(request)
        try:
            return view(request, *args, **kwargs)
        except ObjectDoesNotExist as error:
            raise Http404(DELETED) from error
        except DeployerError as error:
            return _came_from(request, kwargs.get("name"), error)

    return _signed_in(require_POST(done))


def status_of(error: DeployerError) -> int:
    if isinstance(error, NotAllowed):
        return 403 if error.forbidden else 409
    statuses: list[tuple[type[DeployerError], int]] = [
        (Invalid, 422),
        (BuildFailed, 422),
        (Taken, 409),
        (WrongState, 409),
        (IllegalTransition, 409),
        (RolloutFailed, 409),
        (RegistryError, 502),
        (ClusterUnavailable, 503),
        (ClusterError, 502),
    ]
    return next((status for kind, status in statuses if isinstance(error, kind)), 500)


def _refuse_nul(request: HttpRequest) -> None:
    """No name of ours holds one, and PostgreSQL can't even be asked."""
    if "\x00" in request.path:
        raise Http404


def _signed_in(view: View) -> View:
    """Else to the sign-in. From there one comes back to a page: the address of a button shows nothing."""

    @functools.wraps(view)
    def asked(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if request.method == "POST":
            messages.warning(request, SIGNED_OUT)
        found = (path for path in _pages_before(request, kwargs.get("name")) if _page_at(path))
        return redirect_to_login(next(found, reverse("apps")))

    return asked


def _pages_before(request: HttpRequest, app_name: str | None) -> list[str]:
    """The page whose button was pressed, by the Referer, which our policy has browsers send to ourselves only; then
    the one above it."""
    paths = _path_of(request.headers.get("Referer", ""), request.get_host())
    return [*paths, reverse("app", args=[app_name]) if app_name else reverse("apps")]


def _page_at(path: str) -> ResolverMatch | None:
    try:
        match = resolve(path)
    except (Http404, Resolver404):
        return None
    return match if getattr(match.func, "is_page", False) else None


def _path_of(address: str, host: str) -> list[str]:
    """Its path, if it is one of ours."""
    try:
        asked = urlsplit(address)
    except ValueError:
        return []
    return [asked.path] if asked.netloc == host else []


def _came_from(request: Request, app_name: str | None, error: DeployerError) -> HttpResponseBase:
    """The page whose button was pressed, with the refusal on it."""
    request.trouble = error
    request.method = "GET"
    for match in filter(None, map(_page_at, _pages_before(request, app_name))):
        try:
            response = match.func(request, *match.args, **match.kwargs)
        except Http404:
            continue
        response.status_code = status_of(error)
        return response
    return render(request, "trouble.html", {"error": error}, status=status_of(error))
