"""People: all of them, and one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet

from releases import actions
from releases.models import Person
from releases.pages.people import roles
from releases.pages.people.account_page import TOKENS_SHOWN, tokens_of

SHOWN = 50
SEARCHED = 150


@dataclass(frozen=True)
class Row:
    """`seen`: when they last signed in, or a token of theirs was used."""

    person: Person
    seen: datetime | None
    apps: int
    locked_until: datetime | None


def list_context(query: str, after: str) -> dict[str, Any]:
    """A page of them by name: those behind `after` whose name or address has `query` in it."""
    query, after = _asked(query), _asked(after)
    people = _seen(Person.objects.filter(username__gt=after))
    if query:
        people = people.filter(Q(username__icontains=query) | Q(email__icontains=query))
    found = list(people.order_by("username")[: SHOWN + 1])
    rows = _rows(found[:SHOWN])
    return {
        "rows": rows,
        "query": query,
        "after": after,
        "next": rows[-1].person.username if len(found) > SHOWN else "",
    }


def context(pk: int) -> dict[str, Any]:
    """Raises Person.DoesNotExist."""
    row = _rows([_seen(Person.objects.filter(pk=pk)).get()])[0]
    tokens = list(tokens_of(row.person)[: TOKENS_SHOWN + 1])
    return {
        "row": row,
        "person": row.person,
        "may": roles.WORDS[row.person.role],
        "memberships": list(row.person.memberships.select_related("app").order_by("app__name")),
        "tokens": tokens[:TOKENS_SHOWN],
        "more_tokens": len(tokens) > TOKENS_SHOWN,
        "stay": actions.why_they_stay(row.person),
        "link_days": settings.PASSWORD_RESET_TIMEOUT // 86400,
    }


def _seen(people: QuerySet[Person]) -> QuerySet[Person, Any]:
    return people.annotate(token_used=Max("tokens__last_used_at"), app_count=Count("memberships", distinct=True))


def _rows(people: list[Any]) -> list[Row]:
    locked = actions.locked_out(person.username for person in people)
    return [
        Row(
            person,
            max((at for at in (person.last_login, person.token_used) if at), default=None),
            person.app_count,
            locked.get(person.username),
        )
        for person in people
    ]


def _asked(text: str) -> str:
    """What can be in a name; a database may refuse a NUL, and half of a pair."""
    return "".join(each for each in text if each.isprintable()).encode(errors="ignore").decode().strip()[:SEARCHED]
