"""Lines for people to read: as wide as there is room, in colours if they are wanted. Pure.

What is laid out may be anybody's words: no character of them steers a terminal.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deployer.command.output import PLAIN
from deployer.command.terminal import COLOURS

UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
# They turn the direction of what stands behind them, and so what a line seems to say.
TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
NARROWEST = 40


def plain(text: object) -> str:
    """On one line, without anything that steers a terminal."""
    return PLAIN.sub("", TURNS.sub("", str(text).replace("\n", " ").expandtabs(4)))


def moment(text: object) -> datetime | None:
    """An RFC 3339 time; None of what is none."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def age(created: object, at: datetime) -> str:
    """`5m`: whole ones of the largest unit that fits, from an RFC 3339 time until `at`; "" of no time."""
    then = moment(created)
    if then is None:
        return ""
    seconds = max(0, int((at - then).total_seconds()))
    return next((f"{seconds // size}{unit}" for size, unit in UNITS if seconds >= size), "0s")


@dataclass(frozen=True)
class Layout:
    """`width`: columns, None for as many as a line takes."""

    width: int | None = None
    coloured: bool = False

    def paint(self, text: str, colour: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self.coloured and text else text

    def wrapped(self, text: object, indent: int = 0, *, hanging: int | None = None, used: int = 0) -> list[str]:
        """Words, indented; further lines by `hanging`. `used`: columns of the first line that something else takes."""
        words, first = plain(text), " " * indent
        if self.width is None or not words.strip():
            return [first + words] if words.strip() else []
        found = textwrap.wrap(
            words,
            max(self.width, NARROWEST),
            initial_indent=first + "x" * used,
            subsequent_indent=" " * (indent if hanging is None else hanging),
            break_on_hyphens=False,
        )
        return [first + found[0][indent + used :], *found[1:]]

    def raw(self, text: object, indent: int) -> list[str]:
        """As it was written, spaces and all."""
        words, before = plain(text), " " * indent
        room = len(words) if self.width is None else max(self.width, NARROWEST) - indent
        pieces = [words[at : at + room] for at in range(0, len(words), room)] if words else [""]
        return [(before + piece).rstrip() for piece in pieces]

    def cut(self, text: object, used: int) -> str:
        """`used`: columns before it."""
        words = plain(text)
        room = len(words) if self.width is None else max(self.width - used, 10)
        return words if len(words) <= room else words[: room - 1] + "…"

    def table(
        self, headers: Sequence[str], rows: Iterable[Sequence[str]], *, colour_of: Callable[[str], str]
    ) -> list[str]:
        """Columns as wide as they need to be; the last one ends where the line does. Nothing without rows.

        `colour_of`: what stands under STATUS.
        """
        cells = [[plain(cell) for cell in row] for row in rows]
        if not cells:
            return []
        widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
        place = headers.index("STATUS")
        return [
            self._row(headers, widths),
            *(self._row(row, widths, place, colour_of(row[place])) for row in cells),
        ]

    def _row(self, row: Sequence[str], widths: Sequence[int], place: int = 0, colour: str = "") -> str:
        used = sum(widths[:-1]) + 2 * (len(widths) - 1)
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        cells.append(self.cut(row[-1], used))
        if colour:
            bare = cells[place].rstrip()
            cells[place] = self.paint(bare, colour) + cells[place][len(bare) :]
        return "  ".join(cells).rstrip()
