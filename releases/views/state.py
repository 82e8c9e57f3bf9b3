"""Is this server alive, and is everything there that it needs? For programs, without a sign-in."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from releases import actions


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """`{"ready": …, "parts": {part: "" or what is wrong}}`; 503 unless all parts answer."""
    parts = actions.readiness()
    ready = not any(parts.values())
    return JsonResponse({"ready": ready, "parts": parts}, status=200 if ready else 503)
