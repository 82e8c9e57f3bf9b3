"""Who asks, with the rights that they have today, and which apps they may know of."""

from dataclasses import replace

from django.db.models import QuerySet

from releases.models import App, Person, Token
from releases.models.actor import Actor
from releases.models.lifecycle import Authored
from releases.policy.rights import ADMIN, ADMINISTRATOR, DEPLOYER, READ

SYSTEM = Actor(label="system", role=ADMINISTRATOR)
NOBODY = Actor(label="nobody", role=None)


def actor_for(person: Person, *, via: str = "") -> Actor:
    """The person as an actor, with all their rights; `via` says how they came."""
    label = f"{person.username} ({via})" if via else person.username
    return Actor(label=label[:200], role=person.role if person.is_active else None, person=person)


def actor_with(token: Token) -> Actor:
    """The token's person, with no more rights than the token has."""
    return replace(
        actor_for(token.person, via=f"token {token.name}"),
        token=token,
        scopes=None if ADMIN in token.scopes else frozenset([READ, *token.scopes]),
        apps=None if token.all_apps else frozenset(token.apps.values_list("pk", flat=True)),
    )


def anybody_like(by: Actor) -> Actor:
    """Nobody in particular, with the rights of `by`: equal for all who have the same."""
    return Actor("", by.role, scopes=by.scopes, apps=by.apps, member_of=frozenset(by.roles.items()))


def author_of(row: Authored) -> Actor:
    """Who made `row`, with the rights that they have today."""
    if getattr(row, "is_automatic", False):
        return automatic(row.by_label)
    return actor_of(row.by, row.by_label)


def actor_of(person: Person | None, label: str) -> Actor:
    """Who once said so, with the rights that they have today: none, when they are gone."""
    if person is None:
        return Actor(label=label, role=None)
    return Actor(label=label, role=person.role if person.is_active else None, person=person)


def automatic(label: str) -> Actor:
    """A push, say: who connected the repository wished that it may do what a person who deploys may."""
    return Actor(label=label[:200], role=DEPLOYER)


def reached(apps: QuerySet[App], *, by: Actor) -> QuerySet[App]:
    """Those of `apps` that `by` may know of: of a token for some apps only those."""
    return apps if by.apps is None else apps.filter(pk__in=by.apps)


def reaches(app_id: int, *, by: Actor) -> bool:
    """Whether `by` may know of this app: a token for some apps learns of no other, not even its name."""
    return by.apps is None or app_id in by.apps
