"""Tokens: everybody makes and revokes their own."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from releases import audit, policy
from releases.errors import Invalid, NotAllowed
from releases.models import App, Token
from releases.models.locks import locked
from releases.policy import Actor


def create_token(
    *,
    by: Actor,
    name: str,
    lifetime: timedelta | None = None,
    scopes: list[str] | None = None,
    apps: list[str] | None = None,
) -> tuple[Token, str]:
    """A token of the person who asks, and its secret, shown this once. Raises Invalid, NotAllowed.

    `scopes` and `apps` left out: all that who asks has; never more. One made with a token ends with that at the latest,
    and is revoked with it.
    """
    policy.require("manage_tokens", by=by)
    if by.person is None:
        raise NotAllowed("Only a person can have a token.", forbidden=True)
    scopes = [Token.ADMIN] if scopes is None else scopes
    if unknown := sorted({*scopes} - {*Token.SCOPES}):
        raise Invalid(f"There is no scope {unknown[0][:60]}: there are {', '.join(Token.SCOPES)}.")
    lifetime = _lifetime(by, lifetime)
    with transaction.atomic():
        if by.token is not None and locked(Token.good()).filter(pk=by.token.pk).first() is None:
            raise NotAllowed("The token that you ask with is revoked.", forbidden=True)
        token, secret = Token.issue(
            by.person, name=name, lifetime=lifetime, scopes=scopes, apps=_apps(by, apps), made_with=by.token
        )
        audit.record(
            "create_token", by=by, subject=token.prefix, name=token.name, scopes=token.scopes, apps=_names(token)
        )
    return token, secret


def revoke_token(token: Token, *, by: Actor) -> None:
    """With it those that were made with it. Its owner may, an administrator may, and so may whoever has it. Raises
    NotAllowed."""
    if by.token is None or by.token.pk != token.pk:
        policy.require("manage_tokens", by=by)
        if by.person is None or token.person_id != by.person.pk:
            policy.require("manage_people", by=by)
    with transaction.atomic():
        for revoked in token.revoke():
            audit.record("revoke_token", by=by, subject=revoked.prefix, name=revoked.name)


def _lifetime(by: Actor, asked: timedelta | None) -> timedelta | None:
    if by.token is None or by.token.expires_at is None:
        return asked
    left = by.token.expires_at - timezone.now()
    if asked is not None and asked > left:
        raise NotAllowed(f"The token that you ask with ends before, {by.token.expires_at:%Y-%m-%d}.", forbidden=True)
    return asked or left


def _apps(by: Actor, names: list[str] | None) -> list[App] | None:
    """Locked: one that is deleted meanwhile is deleted before or after."""
    known = policy.reached(App.objects.order_by("pk"), by=by)
    if names is None:
        return None if by.apps is None else list(locked(known))
    found = list(locked(known.filter(name__in=names)))
    if unknown := sorted({*names} - {app.name for app in found}):
        raise Invalid(f"There is no app {unknown[0][:60]}.")
    return found


def _names(token: Token) -> list[str] | None:
    return None if token.all_apps else sorted(token.apps.values_list("name", flat=True))
