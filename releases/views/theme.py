"""Light, dark, or as the reader's system has it: kept in a cookie, so that it holds before anybody has signed in."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from releases.errors import Invalid
from releases.views.door import Request, deed

COOKIE = "deployer_theme"
THEMES = ("system", "light", "dark")
YEAR_SECONDS = 365 * 24 * 3600


@deed
def choose(request: Request) -> HttpResponse:
    """`theme` is one of THEMES. Goes back to where one came from."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        raise Invalid(f"A theme is one of {', '.join(THEMES)}.")
    came_from = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()})
    response = HttpResponseRedirect(came_from if is_ours else "/")
    if chosen == "system":
        response.delete_cookie(COOKIE, samesite="Lax")
    else:
        response.set_cookie(
            COOKIE, chosen, max_age=YEAR_SECONDS, samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE
        )
    return response
