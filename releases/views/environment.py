"""An app's variables: names for all to see, values on request, changes as releases."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from releases import actions, policy
from releases.errors import DeployerError, Invalid
from releases.forms import EnvironmentEdit
from releases.forms.environment import PREVIEW, ROWS, STAGE
from releases.models import App
from releases.pages.environment_page import context
from releases.views.door import Request, deed, page, status_of


@page
def variables(request: Request, name: str) -> HttpResponse:
    app = _app(name)
    policy.require("view", by=request.actor, app=app)
    return render(request, "environment.html", context(app, by=request.actor))


@deed
def reveal(request: Request, name: str) -> HttpResponse:
    """The same page with the values in it."""
    app = _app(name)
    return _drawn(request, app, values=actions.reveal_env(app, by=request.actor))


@deed
def change(request: Request, name: str) -> HttpResponse:
    """Many at once, staged or promoted, or only looked at. What is refused comes back as it was typed."""
    app = _app(name)
    edit = EnvironmentEdit.read(request.POST, request.FILES.get("file"))
    if edit.change == ROWS:
        return _drawn(request, app, edit=edit)
    try:
        seen = actions.Seen.read(edit.seen)
        if edit.faults:
            raise Invalid(edit.faults[0], reasons=edit.faults)
        given = {**actions.retyped_env(app, edit.shown, by=request.actor, seen=seen), **edit.set}
        removed = sorted(set(edit.unset))
        given = {name: value for name, value in given.items() if name in edit.set or name not in removed}
        if edit.change == PREVIEW:
            would = actions.preview_env(app, by=request.actor, set=given, unset=removed)
            return _drawn(request, app, edit=edit, preview=would)
        made = actions.set_env(
            app,
            by=request.actor,
            set=given,
            unset=removed,
            stage=edit.change == STAGE,
            note=edit.note,
            seen=seen,
        )
    except DeployerError as error:
        request.trouble = error
        return _drawn(request, app, status=status_of(error), edit=edit)
    return _told(request, app, made)


@deed
def discard(request: Request, name: str) -> HttpResponse:
    """Of what is staged one, or all."""
    app = _app(name)
    found = actions.discard_staged(app, by=request.actor, names=request.POST.getlist("discard"))
    messages.success(request, f"No longer staged: {', '.join(found)}.")
    return redirect(reverse("env", args=[app.name]))


def _told(request: Request, app: App, made: actions.EnvChange) -> HttpResponse:
    if made.rollout:
        return redirect(made.rollout)
    if not made.changed:
        messages.info(request, "Nothing changed: they have these values already.")
        return redirect(reverse("env", args=[app.name]))
    told = f"{', '.join(made.staged)} {'is' if len(made.staged) == 1 else 'are'} staged"
    if made.release:
        messages.success(request, f"{told} in {made.release.pk}: promote it when you are ready.")
    else:
        messages.success(request, f"{told}: the next build's release has it.")
    return redirect(reverse("env", args=[app.name]))


def _drawn(request: Request, app: App, *, status: int = 200, **given: Any) -> HttpResponse:
    """With values in it, or with what somebody typed, which no cache may keep."""
    given = context(app, by=request.actor, **given)
    response = render(request, "environment.html", given, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _app(name: str) -> App:
    return get_object_or_404(App.objects.select_related("active_release__build"), name=name)
