"""The history of releases and rollouts: of all apps, of one, and as a file."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render

from releases import policy
from releases.errors import Invalid
from releases.models import App
from releases.pages import board_for
from releases.pages.history import history_csv, history_page
from releases.views import spreadsheet
from releases.views.door import Request, page


@page
def everywhere(request: Request) -> HttpResponse:
    return _drawn(request, None)


@page
def of_app(request: Request, name: str) -> HttpResponse:
    return _drawn(request, name)


@page
def file_of_all(request: Request) -> HttpResponseBase:
    return _sent(request, None)


@page
def file_of_app(request: Request, name: str) -> HttpResponseBase:
    policy.require("view", by=request.actor)
    return _sent(request, get_object_or_404(policy.reached(App.objects.all(), by=request.actor), name=name))


def _drawn(request: Request, name: str | None) -> HttpResponse:
    board = board_for(f"history.{name}" if name else "history", by=request.actor, query=request.GET.dict())
    live = {"board": board} if board.context["is_live"] else {}
    return render(request, "history.html", {**live, "here": "releases" if name else "history", **board.context})


def _sent(request: Request, app: App | None) -> HttpResponseBase:
    policy.require("view", by=request.actor, app=app)
    query = request.GET.dict()
    listed = history_page.listed_in(query, app)
    form = history_page.filter_for(listed, app, query, by=request.actor)
    if not form.is_valid():
        raise Invalid(form.faults[0], reasons=form.faults)
    rows = history_csv.pieces(listed, app, form.wanted(), by=request.actor)
    return spreadsheet.sent(f"{app.name}-{listed}" if app else listed, history_csv.HEADER, rows)
