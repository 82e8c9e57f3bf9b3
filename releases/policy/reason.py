"""Why not: by name for programs, in words for people."""

from dataclasses import dataclass

from releases.errors import NotAllowed


@dataclass(frozen=True)
class Reason:
    """Why not: a stable name for programs, words for people. `forbidden`: no change of circumstances would help."""

    name: str
    words: str
    forbidden: bool = False

    def __str__(self) -> str:
        return self.words


def refusal(reasons: list[Reason]) -> NotAllowed:
    return NotAllowed(
        reasons[0].words, reasons=[reason.words for reason in reasons], forbidden=any(r.forbidden for r in reasons)
    )
