"""People and their roles."""

from django.db import transaction

from releases import audit, policy
from releases.errors import NotAllowed
from releases.models import Person
from releases.models.locks import locked
from releases.policy import Actor


def save_person(person: Person, *, by: Actor, changed: list[str]) -> None:
    """Store a new person, or what changed of a known one. Raises NotAllowed where no administrator would be left."""
    policy.require("manage_people", by=by)
    with transaction.atomic():
        # Two who demote each other in the same instant: the second waits here, and is refused.
        list(locked(Person.objects.filter(role=Person.ADMINISTRATOR).order_by("pk")))
        if would_leave_no_administrator(person):
            raise NotAllowed(f"{person.username} is the last administrator: make somebody else one first.")
        is_new = person.pk is None
        person.save()
        action = "create_person" if is_new else "change_person"
        audit.record(action, by=by, subject=person.username, role=person.role, changed=changed)


def would_leave_no_administrator(person: Person) -> bool:
    """Whether storing `person` as it is now would leave nobody who can give rights."""
    active = Person.objects.filter(role=Person.ADMINISTRATOR, is_active=True)
    stays = person.role == Person.ADMINISTRATOR and person.is_active
    return not stays and active.filter(pk=person.pk).exists() and not active.exclude(pk=person.pk).exists()
