"""Parts of a stored log, as one scrolls through it."""

from dataclasses import dataclass

from releases.logs.search import of_stream, slices
from releases.models import LogLine

LINES = 500
CHARACTERS = 500_000


@dataclass(frozen=True)
class Part:
    """Of the numbers from `first` to `last`, `lines` are all that were asked for: none is left out between them.

    Its ends may lie beyond those of the lines, when a stream was asked for that says little. `last` is `first - 1`
    when there was nothing to look at.
    """

    lines: list[LogLine]
    first: int
    last: int


def before(owner: str, number: int, *, stream: str = "", limit: int = LINES) -> Part:
    """The last `limit` lines before the line `number`."""
    found, reached = _read(owner, 1, number - 1, stream, limit, up=False)
    return Part(found[::-1], number if reached is None else reached, number - 1)


def after(owner: str, number: int, newest: int, *, stream: str = "", limit: int = LINES) -> Part:
    """The first `limit` lines after the line `number`, and not after the line `newest`."""
    found, reached = _read(owner, number + 1, newest, stream, limit, up=True)
    return Part(found, number + 1, number if reached is None else reached)


def around(owner: str, number: int, newest: int, *, stream: str = "") -> Part:
    """Half of the lines before the line `number`, half from it on."""
    above = before(owner, number, stream=stream, limit=LINES // 2)
    below = after(owner, number - 1, newest, stream=stream, limit=LINES // 2)
    return Part(above.lines + below.lines, above.first, below.last)


def _read(owner: str, first: int, last: int, stream: str, limit: int, *, up: bool) -> tuple[list[LogLine], int | None]:
    """The lines, and the number of the last one that was looked at. Ends early when that takes long."""
    rows = of_stream(owner, stream).order_by("number" if up else "-number").defer("source_key")
    found: list[LogLine] = []
    reached = None
    characters = 0
    for low, high in slices(first, last, up=up):
        for line in rows.filter(number__gte=low, number__lte=high)[: limit - len(found)]:
            characters += len(line.message)
            if found and characters > CHARACTERS:
                return found, found[-1].number
            found.append(line)
        if len(found) == limit:
            return found, found[-1].number
        reached = high if up else low
    return found, reached
