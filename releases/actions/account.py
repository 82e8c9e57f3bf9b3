"""What people do to their own account: a password, an end to sessions elsewhere."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from releases import audit, policy
from releases.errors import Invalid, NotAllowed
from releases.models import Person
from releases.models.locks import locked
from releases.policy import Actor


def set_own_password(wanted: str, *, by: Actor) -> Person:
    """For who has shown the present one, or has none. Ends their sessions; whoever asks in one renews that. Raises
    Invalid, in the words of the validators."""
    with transaction.atomic():
        person = own_row(by)
        try:
            validate_password(wanted, person)
        except ValidationError as error:
            raise Invalid(" ".join(error.messages), reasons=error.messages) from error
        person.set_password(wanted)
        person.save(update_fields=["password"])
        audit.record("set_password", by=by, subject=person.username)
    return person


def end_sessions(*, by: Actor) -> Person:
    """Sign them out everywhere; whoever asks in a session renews that. Tokens stay."""
    with transaction.atomic():
        person = own_row(by)
        Person.objects.filter(pk=person.pk).update(sessions_ended=F("sessions_ended") + 1)
        person.refresh_from_db(fields=["sessions_ended"])
        audit.record("sign_out_elsewhere", by=by, subject=person.username)
    return person


def own_row(by: Actor) -> Person:
    """Who asks, locked, as stored now. Raises NotAllowed for a token, and for who is nobody."""
    policy.require("view", by=by)
    if by.person is None or by.token is not None:
        raise NotAllowed("Only a person who is signed in has an account.", forbidden=True)
    return locked(Person.objects.all()).get(pk=by.person.pk)
