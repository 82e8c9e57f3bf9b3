"""Looking for something in a stored log: slice by slice, for as long as somebody likes to wait."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from django.db import connection
from django.db.models import Q, QuerySet

from releases.logs.plain import plain
from releases.models import LogLine

# What makes a line worth the colour of an error; the browser gets the same expression for the lines that come live.
ERROR_WORDS = (
    r"\bBack-off\b|\bfailed\b|\bexited with (?!0\b)|^\s*(error|fatal|panic)\b|^\w*(Error|Exception)\b"
    r"|^Traceback \(most recent|\bOOMKilled\b|\bnot found\b"
)
# One of these is in every such line: found much faster than by the expression, and by the database itself.
ERROR_HINTS = (
    "back-off",
    "failed",
    "exited with",
    "error",
    "fatal",
    "panic",
    "exception",
    "traceback",
    "oomkilled",
    "not found",
)
_ERROR = re.compile(ERROR_WORDS, re.IGNORECASE)

WORDS_MAX = 200
SECONDS = 1.5
COUNT_MAX = 1000
SLICE, SLICE_MAX = 2_000, 100_000
QUICK_SECONDS, SLOW_SECONDS = 0.05, 0.3
CHUNK = 1000


class Wanted(Protocol):
    def narrow(self, rows: "QuerySet[LogLine]") -> "QuerySet[LogLine]":
        """What the database can leave out; what is left `fits` or not."""

    def fits(self, message: str) -> bool: ...


class Words:
    """Literal text, upper or lower case alike, in lines as they are shown."""

    def __init__(self, text: str) -> None:
        self.text = text[:WORDS_MAX]
        self.folded = self.text.casefold()

    def narrow(self, rows: "QuerySet[LogLine]") -> "QuerySet[LogLine]":
        # Databases fold letters beyond ASCII each in its own way, and colours may stand between any two letters.
        if not self.text.isascii():
            return rows
        return rows.filter(Q(message__icontains=self.text) | Q(message__contains="\x1b"))

    def fits(self, message: str) -> bool:
        return self.folded in plain(message).casefold()


class Errors:
    """What is drawn in the colour of an error."""

    def narrow(self, rows: "QuerySet[LogLine]") -> "QuerySet[LogLine]":
        if connection.vendor == "postgresql":  # one expression is faster there, ten comparisons are elsewhere
            return rows.filter(message__iregex="|".join((*ERROR_HINTS, "\x1b")))
        hints = Q(message__contains="\x1b")
        for hint in ERROR_HINTS:
            hints |= Q(message__icontains=hint)
        return rows.filter(hints)

    def fits(self, message: str) -> bool:
        return is_error(message)


def is_error(message: str) -> bool:
    shown = plain(message)
    lower = shown.lower()
    return any(hint in lower for hint in ERROR_HINTS) and _ERROR.search(shown) is not None


@dataclass(frozen=True)
class Hit:
    """`number`: None: none so far. `searched`: up to and with this line. `finished`: there is nothing beyond it."""

    number: int | None
    searched: int
    finished: bool


@dataclass(frozen=True)
class Hits:
    """`numbers`: COUNT_MAX at most, in order; `more`: there are more than that. The rest as of a Hit."""

    numbers: list[int]
    more: bool
    searched: int
    finished: bool


def find(owner: str, wanted: Wanted, *, first: int, last: int, up: bool, stream: str = "") -> Hit:
    """The first line that fits among those from `first` to `last`, or with `up` false the last one of them.

    Gives up after about SECONDS, and says how far it came.
    """
    searched = first - 1 if up else last + 1
    for low, high in slices(first, last, up=up):
        for number in _fitting(of_stream(owner, stream), wanted, low, high, up=up):
            return Hit(number, number, True)
        searched = high if up else low
    return Hit(None, searched, searched >= last if up else searched <= first)


def find_all(owner: str, wanted: Wanted, *, first: int, last: int, stream: str = "") -> Hits:
    """Gives up as `find` does, and when there are more than COUNT_MAX."""
    numbers: list[int] = []
    searched = first - 1
    for low, high in slices(first, last, up=True):
        for number in _fitting(of_stream(owner, stream), wanted, low, high, up=True):
            if len(numbers) == COUNT_MAX:
                return Hits(numbers, True, number - 1, True)
            numbers.append(number)
        searched = high
    return Hits(numbers, False, searched, searched >= last)


def slices(first: int, last: int, *, up: bool, seconds: float = SECONDS) -> Iterator[tuple[int, int]]:
    """The numbers from `first` to `last` in slices (both ends belong to it), from one end or from the other.

    What is wanted is often near, so the first ones are small; then they are as large as is quickly done with. Ends
    early when the time is over, but never before there was one.
    """
    size, until = SLICE, time.monotonic() + seconds
    while first <= last:
        low, high = (first, min(last, first + size - 1)) if up else (max(first, last - size + 1), last)
        began = time.monotonic()
        yield low, high
        now = time.monotonic()
        if now > until:
            return
        if now - began < QUICK_SECONDS:
            size = min(size * 4, SLICE_MAX)
        elif now - began > SLOW_SECONDS:
            size = max(size // 2, SLICE)
        first, last = (high + 1, last) if up else (first, low - 1)


def of_stream(owner: str, stream: str) -> "QuerySet[LogLine]":
    """`stream`: one, with all that is below it (`system/k8s` has `system/k8s/web`); "": all."""
    rows = LogLine.objects.filter(owner=owner)
    return rows.filter(Q(stream=stream) | Q(stream__startswith=f"{stream}/")) if stream else rows


def _fitting(rows: "QuerySet[LogLine]", wanted: Wanted, low: int, high: int, *, up: bool) -> Iterator[int]:
    narrowed = wanted.narrow(rows).order_by("number" if up else "-number")
    while low <= high:
        found = list(narrowed.filter(number__gte=low, number__lte=high).values_list("number", "message")[:CHUNK])
        yield from (number for number, message in found if wanted.fits(message))
        if len(found) < CHUNK:
            return
        low, high = (found[-1][0] + 1, high) if up else (low, found[-1][0] - 1)
