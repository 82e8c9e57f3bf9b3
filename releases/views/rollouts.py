"""One rollout: watch it, abort it, read its log."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.models import Rollout
from releases.pages import board_for
from releases.pages.log_window import LogWindow
from releases.views.door import Request, deed, page
from releases.views.logs import before_of, earlier_lines, raw


@page
def detail(request: Request, name: str, number: int) -> HttpResponse:
    board = board_for(f"rollout.{name}.{number}", by=request.actor)
    window = LogWindow.of(board.context["rollout"], before=before_of(request))
    return render(request, "rollout.html", {"board": board, "log": window, **board.context})


@page
def log(request: Request, name: str, number: int) -> HttpResponseBase:
    policy.require("view", by=request.actor)
    rollout = _rollout(name, number)
    return raw(rollout, f"{name}-rollout-{number}.log")


@page
def lines(request: Request, name: str, number: int) -> HttpResponse:
    policy.require("view", by=request.actor)
    return earlier_lines(request, _rollout(name, number))


@deed
def abort(request: Request, name: str, number: int) -> HttpResponse:
    rollout = _rollout(name, number)
    actions.abort(rollout, by=request.actor)
    messages.info(request, "Abort is asked for: the previous release comes back.")
    return redirect(rollout)


def _rollout(name: str, number: int) -> Rollout:
    rollouts = Rollout.objects.select_related("app").defer(*Rollout.LARGE, "baseline")
    return get_object_or_404(rollouts, app__name=name, number=number)
