"""Sign in by GitHub or OpenID Connect: allauth speaks with them, `actions.sign_ins` says who may come."""

import logging
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.adapter import get_adapter as allauth
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.github import views as github_views
from allauth.socialaccount.providers.openid_connect import views as openid_connect_views
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from releases import actions
from releases.actions import Identity
from releases.errors import DeployerError
from releases.views.access import BACKEND
from releases.views.door import Request, deed, status_of

logger = logging.getLogger(__name__)
NAME_MAX = 150
# What of an answer that is not as it should be comes out of allauth.
ODD = (LookupError, ValueError, TypeError, AttributeError, ImproperlyConfigured)


@csrf_protect
@never_cache
@require_POST
def sign_in_with(request: HttpRequest, provider: str) -> HttpResponse:
    return _leave(request, provider, AuthProcess.LOGIN, _safe(request, request.POST.get("next", "")))


@deed
def connect(request: Request, provider: str) -> HttpResponse:
    return _leave(request, provider, AuthProcess.CONNECT, None)


@never_cache
@require_safe
def github_callback(request: HttpRequest) -> HttpResponse:
    return _come_back(request, "github", github_views.oauth2_callback)


@never_cache
@require_safe
def openid_connect_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _come_back(request, provider_id, openid_connect_views.callback, provider_id)


class Adapter(DefaultSocialAccountAdapter):
    """What allauth asks of us. Of its own pages and ways to sign up none is ever reached."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Those of the settings; there are none in the database."""
        apps = [
            SocialApp(provider=kind, **app)
            for kind, told in settings.SOCIALACCOUNT_PROVIDERS.items()
            for app in told["APPS"]
        ]
        return [app for app in apps if provider in (None, app.provider, app.provider_id)]

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> Any:
        """Called before anything is looked up. Of all that was told about them only a name is kept."""
        account = sociallogin.account
        told = account.extra_data
        if not account.uid.isprintable() or account.uid == "None" or not _same_subject(told):
            raise PermissionDenied("the answer names nobody, or not who signed in")
        name = str(data.get("username") or data.get("email") or data.get("name") or account.uid)
        account.extra_data = {"name": "".join(each for each in name if each.isprintable())[:NAME_MAX]}
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> NoReturn:
        raise ImmediateHttpResponse(_arrived(request, sociallogin))  # type: ignore[arg-type]

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> NoReturn:
        if exception is not None:
            logger.warning("Signing in with %s failed: %r", provider.name, exception)
        cancelled, away = error == AuthError.CANCELLED, isinstance(exception, RequestException)
        raise ImmediateHttpResponse(_failed(request, provider.name, cancelled=cancelled, away=away))


def _same_subject(told: dict[str, Any]) -> bool:
    """OpenID Connect Core 5.3.2: the userinfo must be of whom the ID token is."""
    token, userinfo = told.get("id_token"), told.get("userinfo")
    return not token or not userinfo or token.get("sub") == userinfo.get("sub")


def _leave(request: HttpRequest, provider: str, process: str, next_url: str | None) -> HttpResponse:
    """A page that leads there by itself: a form may lead to addresses of our own only (`form-action`)."""
    if provider not in settings.SIGN_IN_PROVIDERS:
        raise Http404
    name = settings.SIGN_IN_PROVIDERS[provider]
    try:
        answer = allauth().get_provider(request, provider).redirect(request, process, next_url=next_url)
    except RequestException as error:
        logger.warning("Signing in with %s failed: %r", name, error)
        return _failed(request, name, away=True)
    except ODD:
        logger.exception("%s answers what is no OpenID Connect", name)
        return _failed(request, name)
    address = answer.headers.get("Location", "")
    if urlsplit(address).scheme not in ("http", "https"):
        return _failed(request, name)
    return render(request, "sign_in_leaving.html", {"address": address, "provider": name})


def _come_back(request: HttpRequest, provider: str, callback: Callable[..., Any], *given: str) -> HttpResponse:
    if provider not in settings.SIGN_IN_PROVIDERS:
        raise Http404
    try:
        response: HttpResponse = callback(request, *given)
    except ODD:
        logger.exception("%s answers what can't be understood", settings.SIGN_IN_PROVIDERS[provider])
        return _failed(request, settings.SIGN_IN_PROVIDERS[provider])
    return response


def _arrived(request: Request, sociallogin: SocialLogin) -> HttpResponse:
    """They have shown there who they are."""
    identity = _identity(sociallogin)
    try:
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            actions.connect_sign_in(identity, by=request.actor)
            messages.success(request, f"From now on you may sign in with {identity.where}.")
            return redirect("account")
        person = actions.sign_in_with(identity)
    except DeployerError as error:
        return render(
            request, "sign_in_refused.html", {"error": error, "where": identity.where}, status=status_of(error)
        )
    login(request, person, backend=BACKEND)
    return redirect(_safe(request, sociallogin.state.get("next") or "") or settings.LOGIN_REDIRECT_URL)


def _identity(sociallogin: SocialLogin) -> Identity:
    account = sociallogin.account
    # Some say it in words; "false" counts as true for Python.
    verified = [each for each in sociallogin.email_addresses if each.verified in (True, "true")]
    verified.sort(key=lambda each: not each.primary)
    emails = tuple(each.email for each in verified if each.email and each.email.isprintable())
    return Identity(account.provider, account.uid, account.extra_data["name"], emails)


def _failed(request: HttpRequest, name: str, *, cancelled: bool = False, away: bool = False) -> HttpResponse:
    status = 403 if cancelled else 502 if away else 400
    context = {"where": name, "cancelled": cancelled, "away": away}
    return render(request, "sign_in_failed.html", context, status=status)


def _safe(request: HttpRequest, address: str) -> str | None:
    """Where they were going, if that is a page of ours."""
    allowed = {request.get_host()}
    if url_has_allowed_host_and_scheme(address, allowed_hosts=allowed, require_https=request.is_secure()):
        return address
    return None
