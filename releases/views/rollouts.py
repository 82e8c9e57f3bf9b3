"""One rollout: watch it, abort it, read its log."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions
from releases.models import Rollout
from releases.pages import board_for
from releases.pages.rollout_words import abort_asked
from releases.views.door import Request, deed, page
from releases.views.logs import window_of


@page
def detail(request: Request, name: str, number: int) -> HttpResponse:
    board = board_for(f"rollout.{name}.{number}", by=request.actor)
    window = window_of(request, board.context["rollout"])
    return render(request, "rollout.html", {"board": board, "log": window, **board.context})


@deed
def abort(request: Request, name: str, number: int) -> HttpResponse:
    rollout = _rollout(name, number)
    asked = abort_asked(rollout)
    actions.abort(rollout, by=request.actor)
    messages.info(request, asked)
    return redirect(rollout)


def _rollout(name: str, number: int) -> Rollout:
    rollouts = Rollout.objects.select_related("app").defer(*Rollout.LARGE, "baseline")
    return get_object_or_404(rollouts, app__name=name, number=number)
