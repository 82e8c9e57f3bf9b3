"""An app's processes: look, scale, restart, stop."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions
from releases.errors import NotFound
from releases.forms import RestartForm, ScaleForm
from releases.models import App
from releases.pages import board_for
from releases.views.door import Request, deed, page

NOTHING = "Nothing of it runs until it is scaled up again; it stays so in later releases."


@page
def index(request: Request, name: str) -> HttpResponse:
    board = board_for(f"processes.{name}", by=request.actor)
    return render(request, "processes.html", {"board": board, "here": "processes", **board.context})


@deed
def scale(request: Request, name: str, service: str) -> HttpResponse:
    app = get_object_or_404(App, name=name)
    count = ScaleForm.checked(request.POST)["count"]
    actions.scale(app, service, count, by=request.actor)
    messages.success(request, f"{service} is scaled to {count}.{'' if count else ' ' + NOTHING}")
    return redirect("processes", name) if request.GET.get("on") == "processes" else redirect(app)


@deed
def restart(request: Request, name: str) -> HttpResponse:
    """Of `service`, or of all."""
    app = get_object_or_404(App.objects.select_related("active_release"), name=name)
    wanted = RestartForm.checked(request.POST)["service"]
    services, _ = actions.restart(app, [wanted] if wanted else [], by=request.actor)
    messages.success(request, f"{', '.join(services)}: the processes are replaced by new ones, a few at a time.")
    return redirect("processes", name)


@deed
def stop(request: Request, name: str, process: str) -> HttpResponse:
    app = get_object_or_404(App, name=name)
    try:
        actions.stop_process(app, process, by=request.actor)
    except NotFound:
        messages.info(request, "It is gone already.")
    else:
        messages.success(request, f"{process} is being stopped; of a service, another one takes its place.")
    return redirect("processes", name)
