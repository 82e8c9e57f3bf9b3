"""Who acts: a person (through the browser or a token), a push, or the system. No table of its own."""

from dataclasses import dataclass
from functools import cached_property

from releases.models.membership import Membership
from releases.models.person import Person
from releases.models.token import Token


@dataclass(frozen=True)
class Actor:
    """`label` is how the history names them; `role` is None for nobody that we know.

    With a token also what that is good for: `scopes` (None: all that the role allows) and `apps`, by primary key
    (None: all there are). `member_of`: app and role, where that is known already.
    """

    label: str
    role: str | None
    person: Person | None = None
    token: Token | None = None
    scopes: frozenset[str] | None = None
    apps: frozenset[int] | None = None
    member_of: frozenset[tuple[int, str]] | None = None

    @cached_property
    def roles(self) -> dict[int, str]:
        """App by primary key → the person's role as its member: read when first asked for, and once."""
        if self.member_of is not None:
            return dict(self.member_of)
        if self.person is None or self.role is None:
            return {}
        return dict(Membership.objects.filter(person=self.person).values_list("app_id", "role"))

    def columns(self) -> dict[str, object]:
        """The columns of an `Authored` row made by this actor."""
        return {"by": self.person, "by_label": self.label}
