"""One build: watch it, cancel it, read its log."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import Build
from releases.pages import board_for
from releases.pages.log_window import LogWindow
from releases.views.door import Request, deed, page
from releases.views.logs import before_of, earlier_lines, raw


@page
def detail(request: Request, name: str, build_id: str) -> HttpResponse:
    board = board_for(f"build.{build_id}", by=request.actor)
    if board.context["app"].name != name:
        raise Http404
    window = LogWindow.of(board.context["build"], before=before_of(request))
    return render(request, "build.html", {"board": board, "log": window, **board.context})


@page
def log(request: Request, name: str, build_id: str) -> HttpResponseBase:
    policy.require("view", by=request.actor)
    return raw(_build(name, build_id), f"{build_id}.log")


@page
def lines(request: Request, name: str, build_id: str) -> HttpResponse:
    policy.require("view", by=request.actor)
    return earlier_lines(request, _build(name, build_id))


@deed
def cancel(request: Request, name: str, build_id: str) -> HttpResponse:
    build = _build(name, build_id)
    actions.cancel_build(build, by=request.actor)
    messages.info(request, f"Build {build.pk} is being cancelled.")
    return redirect(build)


def _build(name: str, build_id: str) -> Build:
    return get_object_or_404(Build.objects.select_related("app"), app__name=name, pk=build_id)
