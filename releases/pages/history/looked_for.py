"""What the histories are narrowed down by, as conditions that an index of theirs answers."""

from django.db.models import Q

from releases.forms.filters import PUSHES, Wanted
from releases.models import App, Person
from releases.policy import Actor, reached

# Of how many people one may choose; the address takes any name.
PEOPLE_SHOWN = 500


def of_person(name: str) -> Q:
    """What somebody did, with whichever token; or what the history has as its author: "push by ada", "system"."""
    if name == PUSHES:
        itself = Q(by_label__startswith="push") | Q(by_label__startswith="pull request") | Q(by_label="reconciler")
        return Q(by=None) & itself
    return of_author(name)


def of_author(name: str) -> Q:
    """A person, with whichever token; or the whole of what the history calls its author."""
    known = Person.objects.filter(username=name).values_list("pk", flat=True).first()
    return Q(by=known) if known is not None else Q(by_label=name)


def in_period(wanted: Wanted, column: str) -> Q:
    found = Q()
    if wanted.since:
        found &= Q(**{f"{column}__gte": wanted.since})
    if wanted.until:
        found &= Q(**{f"{column}__lt": wanted.until})
    return found


def names_of_apps(*, by: Actor) -> list[str]:
    return list(reached(App.objects.all(), by=by).values_list("name", flat=True))


def names_of_people(*, by: Actor) -> list[str]:
    """Those who may have left something in a history: to who runs this Deployer everybody, to others who may deploy."""
    people = Person.objects.order_by("username")
    if by.role != Person.ADMINISTRATOR:
        people = people.exclude(role=Person.VIEWER)
    return list(people.values_list("username", flat=True)[:PEOPLE_SHOWN])
