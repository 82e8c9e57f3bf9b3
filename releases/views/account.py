"""One's own account: password, tokens, ways to sign in, sessions."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from releases import actions
from releases.errors import DeployerError, Invalid
from releases.forms import PasswordForm, TokenForm
from releases.models import Person, Token
from releases.pages.people import account_page
from releases.views.door import Request, deed, page, status_of


@page
def detail(request: Request) -> HttpResponse:
    return _drawn(request)


@sensitive_post_parameters()
@login_required
@never_cache
@require_POST
def password(request: Request) -> HttpResponse:
    """Their sessions elsewhere end; this one goes on."""
    form = PasswordForm(request.POST, request=request, person=_person(request))
    if not form.is_valid():
        return _drawn(request, password_form=form, status=422)
    try:
        person = actions.set_own_password(form.cleaned_data["wanted"], by=request.actor)
    except Invalid as error:
        form.add_error("wanted", list(error.reasons) or [error.message])
        return _drawn(request, password_form=form, status=422)
    update_session_auth_hash(request, person)
    messages.success(request, "Your password is set. You are signed out everywhere else.")
    return redirect("account")


@login_required
@never_cache
@require_POST
def new_token(request: Request) -> HttpResponse:
    """The page with the new token on it: the only time that it is seen."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _drawn(request, token_form=form, status=422)
    try:
        token, secret = actions.create_token(by=request.actor, **form.wish())
    except DeployerError as error:
        form.add_error(None, error.message)
        return _drawn(request, token_form=form, status=status_of(error))
    return _drawn(request, made={"token": token, "secret": secret})


@deed
def revoke_token(request: Request, prefix: str) -> HttpResponse:
    token = Token.objects.filter(prefix=prefix, person=_person(request)).first()
    if token is None:
        raise Http404
    actions.revoke_token(token, by=request.actor)
    messages.success(request, f"{token.name} opens nothing any more.")
    return redirect("account")


@deed
def disconnect(request: Request, provider: str) -> HttpResponse:
    where = actions.disconnect_sign_in(provider, by=request.actor)
    messages.success(request, f"You sign in with {where} no more.")
    return redirect("account")


@deed
def sign_out_elsewhere(request: Request) -> HttpResponse:
    update_session_auth_hash(request, actions.end_sessions(by=request.actor))
    messages.success(request, "You are signed out everywhere else. Tokens go on.")
    return redirect("account")


def _drawn(
    request: Request,
    *,
    password_form: PasswordForm | None = None,
    token_form: TokenForm | None = None,
    made: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    person = _person(request)
    context = {
        **account_page.context(person),
        "password_form": password_form or PasswordForm(request=request, person=person),
        "token_form": token_form or TokenForm(),
        "made": made,
    }
    response = render(request, "account.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _person(request: Request) -> Person:
    if request.actor.person is None:
        raise Http404
    return request.actor.person
