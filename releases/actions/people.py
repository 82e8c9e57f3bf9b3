"""People and their roles."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from releases import audit, policy
from releases.errors import Invalid, NotAllowed, Taken
from releases.models import Person
from releases.models.locks import locked
from releases.policy import Actor, Reason


def create_person(username: str, *, role: str, by: Actor, email: str = "", password: str | None = None) -> Person:
    """Somebody new; without a password they come in by a link only. Raises Invalid, Taken, NotAllowed."""
    policy.require("manage_people", by=by)
    person = Person(username=Person.normalize_username(username), role=role, email=email)
    _set_password(person, password)
    _check(person)
    try:
        save_person(person, by=by, changed=["username", "role"])
    except IntegrityError as error:
        raise Taken(f"There is a person named {person.username} already.") from error
    return person


def change_person(
    person: Person,
    *,
    by: Actor,
    role: str | None = None,
    is_active: bool | None = None,
    email: str | None = None,
    password: str | None = None,
) -> Person:
    """What is None stays. Raises Invalid; NotAllowed where no administrator would be left."""
    policy.require("manage_people", by=by)
    wanted = {"role": role, "is_active": is_active, "email": email}
    with _administrators_locked():
        person = locked(Person.objects.all()).get(pk=person.pk)
        changed = [name for name, value in wanted.items() if value is not None and getattr(person, name) != value]
        for name in changed:
            setattr(person, name, wanted[name])
        if password is not None:
            _set_password(person, password)
            changed.append("password")
        _check(person)
        if changed:
            save_person(person, by=by, changed=changed)
    return person


def save_person(person: Person, *, by: Actor, changed: list[str]) -> None:
    """Store a new person, or what changed of a known one. Raises NotAllowed where no administrator would be left."""
    policy.require("manage_people", by=by)
    with _administrators_locked():
        if would_leave_no_administrator(person):
            raise policy.refusal([_last(person)])
        is_new = person.pk is None
        person.save()
        action = "create_person" if is_new else "change_person"
        audit.record(action, by=by, subject=person.username, role=person.role, active=person.is_active, changed=changed)


def sign_in_link(person: Person, *, by: Actor) -> str:
    """An address that signs `person` in, once: for who has no password, or has lost it. Raises NotAllowed."""
    policy.require("manage_people", by=by)
    if not person.is_active:
        raise NotAllowed(f"{person.username} is shut out: let them in first.")
    audit.record("sign_in_link", by=by, subject=person.username)
    return person.sign_in_link()


def would_leave_no_administrator(person: Person) -> bool:
    """Whether storing `person` as it is now would leave nobody who can give rights."""
    active = Person.objects.filter(role=Person.ADMINISTRATOR, is_active=True)
    stays = person.role == Person.ADMINISTRATOR and person.is_active
    return not stays and active.filter(pk=person.pk).exists() and not active.exclude(pk=person.pk).exists()


def why_they_stay(person: Person) -> list[Reason]:
    """Why `person` can be made no less and not be shut out; empty if they can."""
    less = Person(pk=person.pk, username=person.username, role=Person.VIEWER)
    return [_last(person)] if would_leave_no_administrator(less) else []


def _last(person: Person) -> Reason:
    return Reason("last_administrator", f"{person.username} is the last administrator: make somebody else one first.")


@contextmanager
def _administrators_locked() -> Iterator[None]:
    """Two who demote each other in the same instant: the second waits here, and is refused."""
    with transaction.atomic():
        list(locked(Person.objects.filter(role=Person.ADMINISTRATOR).order_by("pk")))
        yield


def _set_password(person: Person, password: str | None) -> None:
    """A new one signs them out everywhere; tokens stay."""
    if password is not None:
        try:
            validate_password(password, person)
        except ValidationError as error:
            raise Invalid(" ".join(error.messages)) from error
    person.set_password(password)


def _check(person: Person) -> None:
    try:
        person.clean_fields(exclude=["password"])
    except ValidationError as error:
        reasons = [
            f"{name}: {' '.join(m for error in found for m in error.messages)}"
            for name, found in sorted(error.error_dict.items())
        ]
        raise Invalid(reasons[0], reasons=reasons) from error
