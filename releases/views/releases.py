"""One release: what it is, promote it, go back to it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import Release
from releases.pages.release_page import context
from releases.views.door import Request, deed, page


@page
def detail(request: Request, name: str, release_id: str) -> HttpResponse:
    policy.require("view", by=request.actor)
    release = _release(name, release_id)
    return render(request, "release.html", context(release, by=request.actor))


@deed
def promote(request: Request, name: str, release_id: str) -> HttpResponse:
    release = _release(name, release_id)
    return redirect(actions.promote(release, by=request.actor, note=_note(request), replace=_replaces(request)))


@deed
def rollback(request: Request, name: str, release_id: str) -> HttpResponse:
    release = _release(name, release_id)
    rollout = actions.rollback(release, by=request.actor, note=_note(request), replace=_replaces(request))
    messages.info(request, f"{rollout.release_id} is a copy of {release.pk}. Database migrations are not reverted.")
    return redirect(rollout)


def _note(request: Request) -> str:
    return request.POST.get("note", "").strip()


def _replaces(request: Request) -> bool:
    return request.POST.get("replace") == "1"


def _release(name: str, release_id: str) -> Release:
    releases = Release.objects.select_related("app__active_release", "build", "by", "rolled_back_to")
    return get_object_or_404(releases, app__name=name, pk=release_id)
