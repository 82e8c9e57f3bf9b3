"""An app's settings, section by section. A form is sent to its page's own address; what was typed comes back with why
not."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from releases import actions, policy
from releases.errors import DeployerError, Taken
from releases.forms import DeleteForm, DomainForm, LockForm
from releases.models import App, Domain, Token
from releases.pages.app_settings import danger as danger_page
from releases.pages.app_settings import domains as domains_page
from releases.pages.app_settings import general as general_page
from releases.pages.app_settings import images as images_page
from releases.pages.app_settings import lock as lock_page
from releases.pages.app_settings import tokens as tokens_page
from releases.views.door import Request, deed, form_page, page, status_of


@page
def general(request: Request, name: str) -> HttpResponse:
    return render(request, "settings_general.html", general_page.context(_app(request, name), by=request.actor))


@page
def images(request: Request, name: str) -> HttpResponse:
    return render(request, "settings_images.html", images_page.context(_app(request, name), by=request.actor))


@form_page
def domains(request: Request, name: str) -> HttpResponse:
    """The list, and a new one: it leads to its service as soon as this answers."""
    app = _app(request, name)
    sent = request.method == "POST"
    form = DomainForm(request.POST if sent else None, services=actions.reachable_services(app) or [])

    def add() -> HttpResponse:
        host, service = form.cleaned_data["host"], form.cleaned_data["service"]
        try:
            row = actions.add_domain(app, host, by=request.actor, service=service)
        except Taken:
            if not app.domains.filter(host=host.lower(), service=service or "web").exists():
                raise
            messages.info(request, f"{host} leads there already.")  # pressed twice, perhaps
        else:
            messages.success(request, f"{row.host} leads to {row.service} of {app.name} from now on.")
        return redirect("app-domains", name=name)

    status = 200
    if sent:
        done, status = _tried(form, add, field="host")
        if done is not None:
            return done
    context = domains_page.context(app, by=request.actor)
    return render(request, "settings_domains.html", {**context, "form": form}, status=status)


@deed
def remove_domain(request: Request, name: str, host: str) -> HttpResponse:
    """Also for one that is gone already: whoever pressed twice has what they wanted."""
    app = _app(request, name)
    row = Domain.objects.select_related("app__cluster").filter(app=app, host=host).first()
    if row is not None:
        actions.remove_domain(row, by=request.actor)
        messages.success(request, f"{row.host} does not lead to {app.name} any more.")
    else:
        policy.require("manage_domains", by=request.actor, app=app)
        messages.info(request, f"{host[:100]} is no domain of {app.name}'s own.")
    return redirect("app-domains", name=name)


@page
def tokens(request: Request, name: str) -> HttpResponse:
    return render(request, "settings_tokens.html", tokens_page.context(_app(request, name), by=request.actor))


@deed
def revoke_token(request: Request, name: str, prefix: str) -> HttpResponse:
    """Who may not revoke others' learns of none of them."""
    found = Token.objects.select_related("person").filter(prefix=prefix)
    if policy.refusals("manage_people", by=request.actor):
        found = found.filter(person=request.actor.person)
    if (token := found.first()) is None:
        raise Http404
    actions.revoke_token(token, by=request.actor)
    messages.success(request, f"The token {token.name} opens nothing any more.")
    return redirect("app-tokens", name=name)


@form_page
def lock(request: Request, name: str) -> HttpResponse:
    """How it stands, and a new one: a lock that holds is replaced."""
    app = _app(request, name)
    form = LockForm(request.POST if request.method == "POST" else None)

    def close() -> HttpResponse:
        actions.lock_app(app, by=request.actor, reason=form.cleaned_data["reason"], until=form.end())
        messages.success(request, f"{app.name} is locked: nothing is promoted until it is unlocked.")
        return redirect("app-lock", name=name)

    status = 200
    if request.method == "POST":
        done, status = _tried(form, close, field="until" if request.POST.get("until") else "")
        if done is not None:
            return done
    return render(
        request, "settings_lock.html", {**lock_page.context(app, by=request.actor), "form": form}, status=status
    )


@deed
def unlock(request: Request, name: str) -> HttpResponse:
    app = _app(request, name)
    actions.unlock_app(app, by=request.actor)
    messages.success(request, f"{app.name} is unlocked. What waited for it begins now.")
    return redirect("app-lock", name=name)


@form_page
def danger(request: Request, name: str) -> HttpResponse:
    """What would be lost, and the app's end: its name has to be typed."""
    app = _app(request, name)
    form = DeleteForm(request.POST if request.method == "POST" else None, app=app)

    def delete() -> HttpResponse:
        left = actions.delete_app(app, by=request.actor, abandon=form.cleaned_data["abandon"])
        messages.success(request, f"{name} is deleted. Its activity stays.")
        for words in left:
            messages.warning(request, words)
        return redirect("apps")

    status = 200
    if request.method == "POST":
        done, status = _tried(form, delete)
        if done is not None:
            return done
        if not App.objects.filter(pk=app.pk).exists():  # pressed twice: the other one has done it
            messages.info(request, f"{name} is deleted already.")
            return redirect("apps")
    return render(
        request, "settings_danger.html", {**danger_page.context(app, by=request.actor), "form": form}, status=status
    )


@deed
def discard_staged(request: Request, name: str) -> HttpResponse:
    names = actions.discard_staged(_app(request, name), by=request.actor)
    messages.success(request, f"Not staged any more: {', '.join(names)[:400]}.")
    return redirect("app-danger", name=name)


def _tried(form: Form, action: Callable[[], HttpResponse], *, field: str = "") -> tuple[HttpResponse | None, int]:
    """What `action` gives for a form that fits; else None, with the faults in the form, and the page's status.

    `field`: whose fault a refusal of what was typed is; that one may not at all is said above the fields.
    """
    if not form.is_valid():
        return None, 422
    try:
        return action(), 302
    except DeployerError as error:
        status = status_of(error)
        form.add_error(field if field and status == 422 else None, " ".join(_words(error)))
        return None, status


def _words(error: Any) -> list[str]:
    return list(getattr(error, "reasons", None) or [error.message])


def _app(request: Request, name: str) -> App:
    apps = App.objects.select_related("active_release", "cluster")
    large = ("cluster__kubeconfig", "active_release__env", "active_release__images", "staged")
    app = get_object_or_404(apps.defer(*large), name=name)
    policy.require("view", by=request.actor, app=app)
    return app
