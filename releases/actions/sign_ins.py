"""Signing in by GitHub or OpenID Connect: who comes in, who is made known, whose accounts there belong to whom."""

import re
from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from releases import audit, policy
from releases.actions.account import own_row
from releases.errors import Invalid, NotAllowed
from releases.models import Person
from releases.models.locks import locked
from releases.policy import Actor

# How the history names what nobody did; nobody is named so.
RESERVED = {"system", "nobody"}
NAME_MAX, ADDRESSES_MAX = 140, 50


@dataclass(frozen=True)
class Identity:
    """Whom a provider vouches for: `uid` names them there for good, `name` for people to read.

    `emails`: only those that it has seen them own, the one that they prefer first.
    """

    provider: str
    uid: str
    name: str
    emails: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        return settings.SIGN_IN_PROVIDERS.get(self.provider, self.provider)


def signed_in(person: Person, *, how: str) -> None:
    """Write down that they came; `how`: by which of the ways in."""
    audit.record("sign_in", by=policy.actor_for(person), subject=person.username, how=how)


def sign_in_with(identity: Identity) -> Person:
    """Who that is here: the one connected, else the one with that address, else somebody new where their domain is let
    in. Raises NotAllowed, in words for them."""
    with transaction.atomic():
        person = _connected(identity) or _by_address(identity) or _guest(identity)
        if person is None:
            raise NotAllowed(_unknown(identity), forbidden=True)
        if not person.is_active:
            raise NotAllowed(f"{person.username} is shut out: only an administrator can let you in.", forbidden=True)
        signed_in(person, how=identity.where)
    return person


def connect_sign_in(identity: Identity, *, by: Actor) -> None:
    """From now on they may sign in with it, too. Raises NotAllowed where it is somebody else's."""
    with transaction.atomic():
        person = own_row(by)
        owner = _connected(identity)
        if owner is not None and owner.pk != person.pk:
            raise NotAllowed(f"{identity.name} of {identity.where} is connected to somebody else here.")
        if owner is None:
            _connect(person, identity, by=by)


def disconnect_sign_in(provider: str, *, by: Actor) -> str:
    """They sign in with it no more. Gives its name. Raises Invalid; NotAllowed where they could not come in again."""
    with transaction.atomic():
        person = own_row(by)
        mine = SocialAccount.objects.filter(user=person)
        account = mine.filter(provider=provider).first()
        where = settings.SIGN_IN_PROVIDERS.get(provider, provider)
        if account is None:
            raise Invalid(f"You are not connected to {where}.")
        others = mine.exclude(pk=account.pk).filter(provider__in=settings.SIGN_IN_PROVIDERS)
        if not person.has_usable_password() and not others.exists():
            raise NotAllowed("Set a password first: without one you could not sign in again.")
        account.delete()
        audit.record("disconnect_sign_in", by=by, subject=person.username, where=where)
    return where


def _connected(identity: Identity) -> Person | None:
    known = SocialAccount.objects.select_related("user").filter(provider=identity.provider, uid=identity.uid).first()
    return known.user if known else None


def _by_address(identity: Identity) -> Person | None:
    """Only administrators write addresses of people here; but an address may pass to somebody else over there."""
    wanted = Q()
    for email in identity.emails[:ADDRESSES_MAX]:
        wanted |= Q(email__iexact=email)
    found = list(locked(Person.objects.filter(wanted).order_by("pk"))[:2]) if wanted else []
    if len(found) > 1:
        raise NotAllowed("Several people here have your e-mail addresses: ask an administrator.", forbidden=True)
    if not found or not found[0].is_active:
        return found[0] if found else None
    _connect(found[0], identity, by=policy.actor_for(found[0], via=identity.where))
    return found[0]


def _guest(identity: Identity) -> Person | None:
    email = next((each for each in identity.emails if _domain(each) in settings.SIGN_IN_DOMAINS), None)
    if email is None:
        return None
    person = _made(_free_name(identity.name or email.partition("@")[0]), email)
    by = policy.actor_for(person, via=identity.where)
    audit.record("create_person", by=by, subject=person.username, role=person.role, active=True, changed=["role"])
    _connect(person, identity, by=by)
    return person


def _connect(person: Person, identity: Identity, *, by: Actor) -> None:
    """Raises NotAllowed where they are connected to another account there, or somebody was faster."""
    if SocialAccount.objects.filter(user=person, provider=identity.provider).exists():
        words = f"{person.username} is connected to another account of {identity.where}: disconnect that one first."
        raise NotAllowed(words, forbidden=True)
    columns = {"provider": identity.provider, "uid": identity.uid, "extra_data": {"name": identity.name}}
    try:
        with transaction.atomic():
            SocialAccount.objects.create(user=person, **columns)
    except IntegrityError as error:
        raise NotAllowed("Just now it was connected already: try again.") from error
    audit.record("connect_sign_in", by=by, subject=person.username, where=identity.where, name=identity.name)


def _made(username: str, email: str) -> Person:
    try:
        with transaction.atomic():
            return Person.objects.create_person(username, role=settings.SIGN_IN_ROLE, email=email)
    except IntegrityError as error:
        raise NotAllowed("Just now somebody else got that name here: try again.") from error


def _free_name(wished: str) -> str:
    """Theirs over there, if nobody here has it; else with a number."""
    name = re.sub(r"[^\w.@+-]+", "-", Person.normalize_username(wished)).strip("-.")[:NAME_MAX] or "person"
    taken = set(Person.objects.filter(username__istartswith=name).values_list("username", flat=True))
    taken = {each.lower() for each in taken} | RESERVED
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (name, *numbered) if each.lower() not in taken)


def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()


def _unknown(identity: Identity) -> str:
    if not identity.emails:
        return (
            f"{identity.where} knows no verified e-mail address of {identity.name}, so we can't tell who you are here."
        )
    return f"Nobody here has the e-mail address {identity.emails[0]}: ask an administrator to make you known with it."
