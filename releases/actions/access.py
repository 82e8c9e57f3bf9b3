"""Tokens: everybody makes and revokes their own."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from releases import audit, policy
from releases.errors import NotAllowed
from releases.models import Token
from releases.policy import Actor


def create_token(*, by: Actor, name: str, lifetime: timedelta | None = None) -> tuple[Token, str]:
    """A token with the rights of the person who asks, and its secret, shown this once."""
    policy.require("view", by=by)
    if by.person is None:
        raise NotAllowed("Only a person can have a token.", forbidden=True)
    with transaction.atomic():
        token, secret = Token.issue(by.person, name=name, lifetime=lifetime)
        audit.record("create_token", by=by, subject=token.prefix, name=token.name)
    return token, secret


def revoke_token(token: Token, *, by: Actor) -> None:
    if by.person is None or (token.person_id != by.person.pk and by.role != policy.ADMINISTRATOR):
        raise NotAllowed("Only its owner or an administrator revokes a token.", forbidden=True)
    with transaction.atomic():
        Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        audit.record("revoke_token", by=by, subject=token.prefix, name=token.name)
