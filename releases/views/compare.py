"""Two releases of an app side by side."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from releases import actions, policy
from releases.models import Release
from releases.pages.comparison import context, default_other
from releases.views.door import Request, deed, page
from releases.views.releases import release_of


@page
def detail(request: Request, name: str, release_id: str) -> HttpResponse:
    """`?with=`: the other one, by its ID; of several the last that is not blank. Left out: the active one."""
    new = release_of(name, release_id)
    policy.require("view", by=request.actor, app=new.app)
    wanted = [text.strip() for text in request.GET.getlist("with") if text.strip()]
    old = _other(new, wanted[-1]) if wanted else default_other(new)
    if old is None:
        return render(request, "compare_alone.html", {"app": new.app, "new": new, "here": "releases"})
    return render(request, "compare.html", context(new, old, by=request.actor))


@deed
def reveal(request: Request, name: str, release_id: str) -> HttpResponse:
    """The same page with the values of the variables that differ, which no cache may keep."""
    new = release_of(name, release_id)
    old = _other(new, request.POST.get("with", ""))
    after, before = actions.reveal_difference(new, old, by=request.actor)
    given = context(new, old, by=request.actor, before=before, after=after)
    response = render(request, "compare.html", given)
    response.headers["Cache-Control"] = "no-store"
    return response


def _other(new: Release, release_id: str) -> Release:
    """Raises Http404, also for one of another app."""
    if not release_id.isalnum():
        raise Http404
    return release_of(new.app.name, release_id)
