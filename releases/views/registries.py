"""The registries, one of them, a new one; try it, change it, remove it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import NewRegistryForm, RegistryForm
from releases.models import Registry
from releases.pages import board_for, registries_board
from releases.views.door import Request, deed, page, status_of


@page
def index(request: Request) -> HttpResponse:
    board = board_for("registries", by=request.actor)
    refusals = policy.refusals("manage_registries", by=request.actor)
    context = {"board": board, "here": "registries", "manage_refusals": refusals, **board.context}
    return render(request, "registries.html", context)


@page
def detail(request: Request, registry_name: str) -> HttpResponse:
    return _drawn(request, _registry(registry_name))


@sensitive_post_parameters("password")
@login_required
@never_cache
def new(request: Request) -> HttpResponse:
    """The form, and what it sends. A refusal is written above the fields; a password is not sent back."""
    form = NewRegistryForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            row = actions.create_registry(**form.cleaned_data, by=request.actor)
        except DeployerError as error:
            form.add_error(None, error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{row.name} is known. Test it: that tells whether images may go there.")
            return redirect(row)
    elif request.method == "POST":
        status = 422
    refusals = policy.refusals("manage_registries", by=request.actor)
    context = {"form": form, "refusals": refusals, "here": "registries"}
    return render(request, "registry_new.html", context, status=status)


@sensitive_post_parameters("password")
@login_required
@never_cache
def change(request: Request, registry_name: str) -> HttpResponse:
    row = _registry(registry_name)
    if request.method != "POST":
        return redirect(row)
    form = RegistryForm(request.POST, row=row)
    status = 422
    if form.is_valid():
        try:
            changed = actions.change_registry(row, by=request.actor, **form.changes())
        except DeployerError as error:
            form.add_error(None, error.message)
            status = status_of(error)
        else:
            messages.success(request, f"{row.name} is changed.")
            for said in changed.said:
                messages.info(request, said)
            return redirect(row)
    return _drawn(request, row, form=form, status=status)


@deed
def test(request: Request, registry_name: str) -> HttpResponse:
    """The same page with what was found."""
    seen, findings = actions.test_registry(_registry(registry_name), by=request.actor)
    return _drawn(request, _registry(registry_name), tested=registries_board.tested(seen, findings))


@deed
def remove(request: Request, registry_name: str) -> HttpResponse:
    row = _registry(registry_name)
    actions.remove_registry(row, by=request.actor)
    messages.success(request, f"Deployer has forgotten {row.name}. The images in it stay.")
    return redirect("registries")


def _drawn(
    request: Request,
    row: Registry,
    *,
    form: RegistryForm | None = None,
    tested: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    board = board_for(f"registry.{row.name}", by=request.actor)
    form = form or RegistryForm(row=row)
    context = {"board": board, "here": "registries", "form": form, "tested": tested, **board.context}
    response = render(request, "registry.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _registry(registry_name: str) -> Registry:
    return get_object_or_404(Registry, name=registry_name)
