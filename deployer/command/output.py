"""What a person reads: lines, tables, times. What a program reads: JSON."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from deployer.command.terminal import is_terminal, paint, paint_status, spinner

COLOUR = r"\x1b\[[0-9;]{0,20}m"
# All control characters but tab; colours may stay on a terminal, other sequences could rewrite it.
CONTROL = re.compile(r"\x1b(?!\[[0-9;]{0,20}m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")
CONTROL_BUT_LINES = re.compile(CONTROL.pattern.replace(r"\x0a-", r"\x0b-"))
PLAIN = re.compile(f"{COLOUR}|{CONTROL_BUT_LINES.pattern}")
PAINTED = {"STATUS", "STATE"}
UNITS = [(86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def say(text: str, *, end: str = "\n") -> None:
    """At once, also into a pipe."""
    sys.stdout.write((CONTROL_BUT_LINES if is_terminal() else PLAIN).sub("", text) + end)
    sys.stdout.flush()


@contextmanager
def step(title: str, *, quiet: bool = False) -> Iterator[None]:
    """`Uploading source... OK`; without the OK when it fails. On a terminal something turns meanwhile."""
    if quiet:
        yield
        return
    turns = is_terminal()
    if not turns:
        say(f"{title}... ", end="")
    try:
        with spinner(title, turns=turns):
            yield
    except BaseException:
        say(f"{title}..." if turns else "")
        raise
    say(f"{title}... {paint('OK', 'green')}" if turns else "OK")


def complain(*lines: str) -> None:
    """To stderr: what is wrong, and what is said beside the result."""
    sys.stdout.flush()
    for line in lines:
        sys.stderr.write(CONTROL_BUT_LINES.sub("", line) + "\n")
    sys.stderr.flush()


def say_json(document: Any, *, indent: int | None = 2) -> None:
    """Without an indent it is one line."""
    sys.stdout.write(json.dumps(document, indent=indent, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, two spaces between them."""
    cells = [list(headers), *([CONTROL.sub("", cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    painted = [header in PAINTED for header in headers]
    return "\n".join(
        "  ".join(
            paint_status(cell.ljust(width)) if colour else cell.ljust(width)
            for cell, width, colour in zip(row, widths, painted, strict=True)
        ).rstrip()
        for row in cells
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and what is to be said of each; those of which there is nothing to say are left out."""
    known = [(name, text) for name, text in pairs if text]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {CONTROL.sub('', text)}" for name, text in known)


def ago(time: str | None, *, now: datetime | None = None) -> str:
    """`5 minutes ago`, or `in 3 days`, from an RFC 3339 time."""
    if not time:
        return ""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds())
    if not seconds:
        return "just now"
    return f"{length(seconds)} ago" if seconds > 0 else f"in {length(-seconds)}"


def length(seconds: int) -> str:
    """`5 minutes`: whole ones of the largest unit that fits."""
    for size_of_unit, unit in UNITS:
        if count := seconds // size_of_unit:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "0 seconds"


def size(count: int) -> str:
    """Bytes in words: `3.4 MiB`."""
    if count < 1024:
        return f"{count} bytes" if count != 1 else "1 byte"
    power = min((count.bit_length() - 1) // 10, 3)
    return f"{count / 1024**power:.1f} {['', 'KiB', 'MiB', 'GiB'][power]}"


def words(status: str) -> str:
    return status.replace("_", " ")
