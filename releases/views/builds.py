"""The builds of an app, and one of them: watch it, cancel it, build it again."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions
from releases.models import Build
from releases.pages import board_for
from releases.views.door import Request, deed, page
from releases.views.logs import window_of


@page
def index(request: Request, name: str) -> HttpResponse:
    board = board_for(f"builds.{name}", by=request.actor, query=request.GET)
    return render(request, "builds.html", {"board": board, "here": "builds", **board.context})


@page
def detail(request: Request, name: str, build_id: str) -> HttpResponse:
    board = board_for(f"build.{build_id}", by=request.actor)
    if board.context["app"].name != name:
        raise Http404
    window = window_of(request, board.context["build"])
    return render(request, "build.html", {"board": board, "log": window, **board.context})


@deed
def cancel(request: Request, name: str, build_id: str) -> HttpResponse:
    build = _build(name, build_id)
    actions.cancel_build(build, by=request.actor)
    messages.info(request, f"Build {build.pk} is being cancelled.")
    return redirect(build)


@deed
def again(request: Request, name: str, build_id: str) -> HttpResponse:
    return redirect(actions.build_again(_build(name, build_id), by=request.actor))


def _build(name: str, build_id: str) -> Build:
    return get_object_or_404(Build.objects.select_related("app"), app__name=name, pk=build_id)
