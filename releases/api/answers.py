"""What every answer of the API has in common, whichever operation gave it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from releases.api import idempotency, limits
from releases.api.errors import error


def completed(patterns: list[Any]) -> list[Any]:
    """The addresses of the API, with answers that are complete."""
    for pattern in patterns:
        pattern.callback = _completing(pattern.callback)
    return patterns


def _completing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @csrf_exempt  # as ninja's own views: the session's authentication checks the CSRF token itself
    @wraps(view)
    def complete(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = _in_our_form(request, view(request, *args, **kwargs))
        idempotency.settle(request, response)
        limits.tell(request, response)
        return response

    return complete


def _in_our_form(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Two answers are given past the exception handlers, and past the throttle."""
    if response.status_code == 405:
        return _wrong_method(request, response)
    if response.status_code == 401 and not hasattr(request, "usage"):
        usage = limits.count(request)
        if usage is not None and not usage.is_within:
            return limits.refused()
    return response


def _wrong_method(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """ninja's answer is plain text."""
    allowed = response.get("Allow", "")
    translation = error(405, "method_not_allowed", f"Here one can {allowed}, not {str(request.method)[:20]}.")
    translation["Allow"] = allowed
    return translation
