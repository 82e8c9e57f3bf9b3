"""Who may do what in one app, and by what."""

from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.models import App, Membership, Person
from releases.policy import Actor

SHOWN = 200


@dataclass(frozen=True)
class Row:
    """`role`: what counts here; `member`: None for who has it in general alone."""

    person: Person
    role: str
    member: Membership | None

    @property
    def is_more(self) -> bool:
        """Whether being a member gives them what they have not in general."""
        return self.member is not None and policy.rank(self.member.role) > policy.rank(self.person.role)


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """Those who may more than look, members first; how many may just look."""
    members = list(app.members.select_related("person", "by").order_by("person__username")[: SHOWN + 1])
    active = Person.objects.filter(is_active=True)
    general = active.exclude(role=Person.VIEWER).exclude(memberships__app=app)
    others = list(general.order_by("role", "username")[: max(0, SHOWN + 1 - len(members))])
    rows = [Row(member.person, _higher(member), member) for member in members]
    rows += [Row(person, person.role, None) for person in others]
    looking = active.filter(role=Person.VIEWER).exclude(memberships__app=app)
    return {
        "rows": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "looking": looking.count(),
        "mine": policy.role_in(app.pk, by),
        "manage_refusals": policy.refusals("manage_members", by=by, app=app),
    }


def _higher(member: Membership) -> str:
    return max(member.role, member.person.role, key=policy.rank)
