"""An app's variables: names for all to see, values on request, changes as releases."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from releases import actions, policy
from releases.forms import VariableForm
from releases.models import App
from releases.pages.environment_page import context
from releases.views.door import Request, deed, page


@page
def variables(request: Request, name: str) -> HttpResponse:
    policy.require("view", by=request.actor)
    return render(request, "environment.html", context(_app(name), by=request.actor))


@deed
def reveal(request: Request, name: str) -> HttpResponse:
    """The same page with the values in it, which no cache may keep."""
    app = _app(name)
    values = actions.reveal_env(app, by=request.actor)
    response = render(request, "environment.html", context(app, by=request.actor, values=values))
    response.headers["Cache-Control"] = "no-store"
    return response


@deed
def change(request: Request, name: str) -> HttpResponse:
    """One variable set or removed, staged or promoted at once."""
    app = _app(name)
    form = VariableForm.checked(request.POST)
    remove, variable = form["remove"], form["name"]
    wanted = {} if remove else {variable: form["value"]}
    made = actions.set_env(app, by=request.actor, set=wanted, unset=[variable] if remove else [], stage=form["stage"])
    if made.rollout:
        return redirect(made.rollout)
    if not made.changed:
        messages.info(request, f"Nothing changed: {variable} is that already.")
    elif made.release:
        messages.success(request, f"{variable} is staged in {made.release.pk}: promote it when you are ready.")
    else:
        messages.success(request, f"{variable} is staged: the next build's release has it.")
    return redirect(reverse("env", args=[app.name]))


def _app(name: str) -> App:
    return get_object_or_404(App.objects.select_related("active_release"), name=name)
