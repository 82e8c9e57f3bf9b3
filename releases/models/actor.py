"""Who acts: a person (through the browser or a token), a push, or the system. No table of its own."""

from dataclasses import dataclass

from releases.models.person import Person


@dataclass(frozen=True)
class Actor:
    """`label` is how the history names them; `role` is None for nobody that we know."""

    label: str
    role: str | None
    person: Person | None = None

    def columns(self) -> dict[str, object]:
        """The columns of an `Authored` row made by this actor."""
        return {"by": self.person, "by_label": self.label}
