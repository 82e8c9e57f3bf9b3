"""Whose a session is, as it is stored at this moment: for what goes on long after it was asked for."""

from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from releases.models import Person
from releases.models.actor import Actor
from releases.policy.actors import NOBODY, actor_for


def actor_now(session: SessionBase) -> Actor:
    """With the rights that they have now; nobody, once it has ended or they are gone."""
    request = HttpRequest()
    request.session = session.__class__(session.session_key)  # read anew: a session keeps what it once read
    person = get_user(request)
    return actor_for(person) if isinstance(person, Person) and person.is_active else NOBODY
