"""Where an app is built from: connect it, change it, try it, build from it; go on after a stop."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import BuildForm, SourceForm
from releases.models import App, Source
from releases.pages import source_page
from releases.views.door import Request, deed, page, status_of


@page
def detail(request: Request, name: str) -> HttpResponse:
    policy.require("view", by=request.actor)
    return _drawn(request, _app(name))


@sensitive_post_parameters("token", "deploy_key")
@login_required
@never_cache
def change(request: Request, name: str) -> HttpResponse:
    """What the form sends. A refusal is written above the fields; secrets are not sent back."""
    app = _app(name)
    if request.method != "POST":
        return redirect("source", name=name)
    form = SourceForm(request.POST, source=Source.objects.filter(app=app).first())
    if not form.is_valid():
        return _drawn(request, app, form=form, status=422)
    try:
        _, secret = actions.set_source(app, by=request.actor, **form.given())
    except DeployerError as error:
        hint = getattr(error, "hint", "")
        form.add_error(None, f"{error.message} {hint}".strip())
        return _drawn(request, app, form=form, status=status_of(error))
    if secret:
        return _drawn(request, app, secret=secret)
    messages.success(request, "The repository is changed.")
    return redirect("source", name=name)


@deed
def new_secret(request: Request, name: str) -> HttpResponse:
    """The same page with the new secret in it, this once."""
    app = _app(name)
    return _drawn(request, app, secret=actions.new_webhook_secret(app, by=request.actor))


@deed
def test(request: Request, name: str) -> HttpResponse:
    """The same page with what was found."""
    app = _app(name)
    found = actions.test_source(app, by=request.actor)
    return _drawn(request, app, tested=source_page.tested(found))


@deed
def remove(request: Request, name: str) -> HttpResponse:
    app = _app(name)
    actions.remove_source(app, by=request.actor)
    messages.success(request, f"{app.name} has no repository any more. Its builds, releases and deliveries stay.")
    return redirect("source", name=name)


@deed
def registry(request: Request, name: str) -> HttpResponse:
    """Where the images of its builds go."""
    app = actions.use_registry(_app(name), request.POST.get("registry", ""), by=request.actor)
    messages.success(request, f"Images of the next builds go to {app.registry or 'the default registry'}.")
    return redirect("app-images", name=name)


@deed
def resume(request: Request, name: str) -> HttpResponse:
    app = _app(name)
    actions.resume(app, by=request.actor)
    messages.success(request, "The next push is promoted again. What came meanwhile is left as it is.")
    return redirect(app)


@deed
def build(request: Request, name: str) -> HttpResponse:
    """Of the app's branch, or of what was named."""
    return redirect(actions.create_build_from_git(_app(name), by=request.actor, **BuildForm.checked(request.POST)))


def _drawn(
    request: Request,
    app: App,
    *,
    form: SourceForm | None = None,
    secret: str = "",
    tested: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = source_page.context(app, by=request.actor)
    form = _forgetful(form) if form else SourceForm(source=context["source"])
    response = render(
        request, "source.html", {**context, "form": form, "secret": secret, "tested": tested}, status=status
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _forgetful(form: SourceForm) -> SourceForm:
    """A key that was pasted is not written into the page again; a token never is."""
    given = form.data.dict() if isinstance(form.data, QueryDict) else {}
    form.data = {**given, "deploy_key": ""}
    return form


def _app(name: str) -> App:
    return get_object_or_404(App.objects.select_related("registry", "cluster").defer("cluster__kubeconfig"), name=name)
