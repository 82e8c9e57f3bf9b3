"""Who did what: to all apps, to one, and as a file."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render

from releases import actions, policy
from releases.errors import Invalid
from releases.models import App
from releases.pages import board_for
from releases.pages.history import activity_csv, activity_page
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
    board = board_for(f"activity.{name}" if name else "activity", by=request.actor, query=request.GET.dict())
    live = {"board": board} if board.context["is_live"] else {}
    return render(request, "activity.html", {**live, "here": "activity", **board.context})


def _sent(request: Request, app: App | None) -> HttpResponseBase:
    form = activity_page.filter_for(app, request.GET.dict(), by=request.actor)
    if not form.is_valid():
        raise Invalid(form.faults[0], reasons=form.faults)
    actions.export_activity(app, by=request.actor, asked=form.query)
    rows = activity_csv.pieces(app, form.wanted(), by=request.actor)
    return spreadsheet.sent(f"{app.name}-activity" if app else "activity", activity_csv.HEADER, rows)
