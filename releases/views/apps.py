"""The list of apps, one app, a new app."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import AppForm
from releases.pages import board_for
from releases.views.door import Request, page, status_of


@page
def index(request: Request) -> HttpResponse:
    board = board_for("apps", by=request.actor, query=request.GET.dict())
    refusals = policy.refusals("create_app", by=request.actor)
    return render(request, "apps.html", {"board": board, "here": "apps", "create_refusals": refusals, **board.context})


@page
def overview(request: Request, name: str) -> HttpResponse:
    board = board_for(f"app.{name}", by=request.actor)
    return render(request, "app.html", {"board": board, "here": "overview", **board.context})


@login_required
def new(request: Request) -> HttpResponse:
    """The form, and what it sends: a refusal is written beside the field."""
    form = AppForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            app = actions.create_app(**form.cleaned_data, by=request.actor)
        except DeployerError as error:
            form.add_error("name", error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{app.name} is created. Now deploy to it.")
            return redirect(app)
    elif request.method == "POST":
        status = 422
    refusals = policy.refusals("create_app", by=request.actor)
    return render(request, "app_new.html", {"here": "apps", "form": form, "refusals": refusals}, status=status)
