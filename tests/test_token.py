"""Tokens of the API: shown once, found by their secret, and good for nothing once expired or revoked."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releases import actions, policy
from releases.errors import NotAllowed
from releases.models import AuditEntry, Token
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_secret_is_shown_once_and_stored_nowhere():
    actor = factories.actor("viewer")
    token, secret = actions.create_token(by=actor, name="laptop")
    assert Token.find(secret) == token
    stored = Token.objects.filter(pk=token.pk).values().get()
    _, _, rest = secret.split("_", 2)  # which may have a “_” itself
    assert all(rest not in str(value) for value in stored.values())
    entry = AuditEntry.objects.get(action="create_token")
    assert entry.by == actor.person and secret not in f"{entry.subject} {entry.detail}"


def test_a_wrong_secret_finds_nothing():
    _, secret = Token.issue(factories.person(), name="laptop")
    changed = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for wrong in (changed, secret + "A", secret[:-1], "", "_", "__", "deployer__", secret.replace("deployer", "other")):
        assert Token.find(wrong) is None


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_whatever_somebody_sends_finds_nothing(text):
    assert Token.find(text) is None
    assert Token.find("deployer_" + text) is None


def test_an_expired_token_is_not_found_and_a_lasting_one_is():
    person = factories.person()
    _, gone = Token.issue(person, name="old", lifetime=timedelta(seconds=-1))
    _, good = Token.issue(person, name="new", lifetime=timedelta(hours=1))
    assert Token.find(gone) is None and Token.find(good) is not None


def test_a_revoked_token_is_not_found_and_its_end_is_not_moved_by_revoking_again():
    owner = factories.actor()
    token, secret = actions.create_token(by=owner, name="laptop")
    actions.revoke_token(token, by=owner)
    assert Token.find(secret) is None
    first = Token.objects.get(pk=token.pk).revoked_at
    actions.revoke_token(token, by=owner)
    assert Token.objects.get(pk=token.pk).revoked_at == first
    assert AuditEntry.objects.filter(action="revoke_token", by=owner.person).exists()


def test_only_its_owner_or_an_administrator_revokes_it():
    token, secret = actions.create_token(by=factories.actor(), name="laptop")
    for stranger in (factories.actor("deployer"), factories.actor("viewer"), policy.NOBODY):
        with pytest.raises(NotAllowed) as refusal:
            actions.revoke_token(token, by=stranger)
        assert refusal.value.forbidden
    assert Token.find(secret)
    actions.revoke_token(token, by=factories.actor("administrator"))
    assert Token.find(secret) is None


def test_a_person_who_was_shut_out_has_no_token_any_more():
    person = factories.person()
    _, secret = Token.issue(person, name="laptop")
    person.is_active = False
    person.save()
    assert Token.find(secret) is None
    with pytest.raises(NotAllowed):
        actions.create_token(by=policy.actor_for(person), name="another")


def test_nobody_and_the_system_get_none():
    for who in (policy.NOBODY, policy.SYSTEM):
        with pytest.raises(NotAllowed):
            actions.create_token(by=who, name="robot")


def test_use_is_noted_at_most_once_a_minute():
    token, _ = Token.issue(factories.person(), name="laptop")
    token.used()
    token.refresh_from_db()
    first = token.last_used_at
    assert timezone.now() - first < timedelta(seconds=10)
    token.used()
    token.refresh_from_db()
    assert token.last_used_at == first
