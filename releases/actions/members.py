"""Members of an app: who may more there than in general."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from releases import audit, logs, policy
from releases.errors import Invalid
from releases.models import App, Membership, Person
from releases.models.locks import locked
from releases.policy import Actor

ROLES = [role for role, _ in Membership.ROLES]


def set_member(app: App, person: Person, role: str, *, by: Actor) -> Membership:
    """Give a role in this app, in place of the one that they may have had there. Raises Invalid, NotAllowed."""
    if role not in ROLES:
        raise Invalid(f"A member is {' or '.join(ROLES)}: look at everything may everybody.")
    with _members_locked(app, by=by) as app:
        known = Membership.objects.filter(app=app, person=person).first()
        if known is not None and known.role == role:
            return known
        values = {"role": role, **by.columns()}
        member, _ = Membership.objects.update_or_create(app=app, person=person, defaults=values)
        audit.record("set_member", by=by, app=app, subject=person.username, role=role, before=known and known.role)
        logs.pages_changed(app.pk)
    return member


def remove_member(app: App, person: Person, *, by: Actor) -> None:
    """From now on they may here what they may in general. Raises Invalid (no member), NotAllowed."""
    with _members_locked(app, by=by) as app:
        member = Membership.objects.filter(app=app, person=person).first()
        if member is None:
            raise Invalid(f"{person.username} is no member of {app.name}.")
        member.delete()
        audit.record("remove_member", by=by, app=app, subject=person.username, role=member.role)
        logs.pages_changed(app.pk)


@contextmanager
def _members_locked(app: App, *, by: Actor) -> Iterator[App]:
    """Two who change the same in one instant: the second waits, and does it to what the first has left."""
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("manage_members", by=by, app=app)
        yield app
