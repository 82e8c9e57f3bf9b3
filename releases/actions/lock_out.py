"""Who typed a wrong password too often can't try again for a while, from where they did. django-axes counts."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from axes.utils import reset
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from releases import audit, policy
from releases.models import Person
from releases.policy import Actor


def locked_out_until(username: str, address: str | None) -> datetime | None:
    """When this name can be tried again from this address; None if now."""
    return _until(
        _tries().filter(username=username, ip_address=address).values_list("attempt_time", "failures_since_start")
    )


def locked_out(usernames: Iterable[str]) -> dict[str, datetime]:
    """Those of `usernames` that can't be tried from somewhere → until when, of several places the longest."""
    tries = defaultdict(list)
    rows = _tries().filter(username__in=list(usernames))
    for name, address, at, failures in rows.values_list(
        "username", "ip_address", "attempt_time", "failures_since_start"
    ):
        tries[name, address].append((at, failures))
    found: dict[str, datetime] = {}
    for (name, _), group in tries.items():
        if until := _until(group):
            found[name] = max(until, found.get(name, until))
    return found


def unlock_person(person: Person, *, by: Actor) -> None:
    """Let them try again at once, from everywhere. Raises NotAllowed."""
    policy.require("manage_people", by=by)
    if reset(username=person.username):
        audit.record("unlock_person", by=by, subject=person.username)


def _tries() -> QuerySet[AccessAttempt]:
    since = timezone.now() - timedelta(hours=settings.AXES_COOLOFF_TIME)
    return AccessAttempt.objects.filter(attempt_time__gte=since)


def _until(tries: Iterable[tuple[datetime, int]]) -> datetime | None:
    """Each browser's tries are counted by themselves, and forgotten some time after its last: until so few are left
    that one may try again."""
    tries = sorted(tries)
    left = sum(failures for _, failures in tries)
    until = None
    for at, failures in tries:
        if left < settings.AXES_FAILURE_LIMIT:
            break
        left -= failures
        until = at + timedelta(hours=settings.AXES_COOLOFF_TIME)
    return until
