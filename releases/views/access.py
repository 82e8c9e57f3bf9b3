"""Sign in by password or by a one-time link; sign out. By GitHub or OpenID Connect: see `providers`."""

from datetime import timedelta
from typing import Any

from axes.helpers import get_client_username
from django.conf import settings
from django.contrib.auth import login, views
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from releases import actions
from releases.forms import SignInForm
from releases.models import Person

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(views.LoginView):
    template_name = "sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **given: Any) -> dict[str, Any]:
        return super().get_context_data(providers=settings.SIGN_IN_PROVIDERS, **given)

    def form_valid(self, form: Any) -> HttpResponse:
        actions.signed_in(form.get_user(), how="password")
        return super().form_valid(form)


sign_in = SignIn.as_view()
sign_out = views.LogoutView.as_view()


@sensitive_post_parameters()
@csrf_protect
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_link(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """The link signs in when its button is pressed, not when it is fetched: what looks at links must not use it up.

    Signing in changes `last_login`, of which the token is made: a link works once.
    """
    person = _person(uidb64)
    if person is None or not default_token_generator.check_token(person, token):
        return render(request, "sign_in_expired.html", status=410)
    if request.method == "POST":
        actions.signed_in(person, how="link")
        login(request, person, backend=BACKEND)
        return redirect("apps")
    return render(request, "sign_in_link.html", {"person": person})


def locked_out(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """What django-axes answers in place of `response`, where a password was wrong too often."""
    username = get_client_username(request, credentials) or ""
    until = actions.locked_out_until(username, request.axes_ip_address)  # type: ignore[attr-defined]
    left = (until or timezone.now()) - timezone.now()
    minutes = max(1, -(-left // timedelta(minutes=1)))
    answer = render(request, "locked_out.html", {"username": username, "minutes": minutes}, status=429)
    answer.headers["Retry-After"] = str(minutes * 60)
    return answer


def _person(uidb64: str) -> Person | None:
    try:
        key = int(urlsafe_base64_decode(uidb64))
    except (ValueError, OverflowError):
        return None
    return Person.objects.filter(pk=key, is_active=True).first() if 0 < key < 2**63 else None
