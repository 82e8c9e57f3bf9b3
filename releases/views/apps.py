"""The list of apps, one app, a new app, scaling."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import AppForm, ScaleForm
from releases.models import App
from releases.pages import board_for
from releases.views.door import Request, deed, page, status_of


@page
def index(request: Request) -> HttpResponse:
    board = board_for("apps", by=request.actor)
    refusals = policy.refusals("create_app", by=request.actor)
    return render(request, "apps.html", {"board": board, "create_refusals": refusals, **board.context})


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
    return render(request, "app_new.html", {"form": form, "refusals": refusals}, status=status)


@deed
def scale(request: Request, name: str, service: str) -> HttpResponse:
    app = get_object_or_404(App, name=name)
    count = ScaleForm.checked(request.POST)["count"]
    actions.scale(app, service, count, by=request.actor)
    messages.success(request, f"{service} is scaled to {count}.")
    return redirect(app)
