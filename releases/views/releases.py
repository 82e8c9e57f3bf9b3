"""One release: what it is, promote it, go back to it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import Release
from releases.pages.doubts import doubts
from releases.pages.release_page import context
from releases.views.door import Request, deed, page


@page
def detail(request: Request, name: str, release_id: str) -> HttpResponse:
    release = release_of(name, release_id)
    policy.require("view", by=request.actor, app=release.app)
    return render(request, "release.html", context(release, by=request.actor))


@deed
def reveal(request: Request, name: str, release_id: str) -> HttpResponse:
    """The same page with the values in it, which no cache may keep."""
    release = release_of(name, release_id)
    values = actions.reveal_release(release, by=request.actor)
    response = render(request, "release.html", context(release, by=request.actor, values=values))
    response.headers["Cache-Control"] = "no-store"
    return response


@deed
def promote(request: Request, name: str, release_id: str) -> HttpResponse:
    """Where there is something to think of, that is said first: what comes back is `confirmed`."""
    release, note, replace = release_of(name, release_id), _note(request), _replaces(request)
    found = [] if request.POST.get("confirmed") == "1" else doubts(release, release.app)
    if found and not policy.refusals("promote", by=request.actor, app=release.app, release=release, replace=replace):
        given = {"app": release.app, "here": "releases", "release": release, "doubts": found}
        return render(request, "promote_confirm.html", {**given, "note": note, "replace": replace})
    return redirect(actions.promote(release, by=request.actor, note=note, replace=replace))


@deed
def rollback(request: Request, name: str, release_id: str) -> HttpResponse:
    release = release_of(name, release_id)
    rollout = actions.rollback(release, by=request.actor, note=_note(request), replace=_replaces(request))
    messages.info(request, f"{rollout.release_id} is a copy of {release.pk}. Database migrations are not reverted.")
    return redirect(rollout)


def release_of(name: str, release_id: str) -> Release:
    """IDs are read out and typed: small letters mean the same. Raises Http404."""
    releases = Release.objects.select_related("app__active_release__build", "build", "by")
    return get_object_or_404(releases, app__name=name, pk=release_id.upper())


def _note(request: Request) -> str:
    return request.POST.get("note", "").strip()


def _replaces(request: Request) -> bool:
    return request.POST.get("replace") == "1"
