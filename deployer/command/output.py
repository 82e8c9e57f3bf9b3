"""What a person reads: lines, tables, times. What a program reads: JSON."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

# All control characters but tab; colours may stay, other sequences could rewrite the terminal.
CONTROL = re.compile(r"\x1b(?!\[[0-9;]{0,20}m)|[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f]")
CONTROL_BUT_LINES = re.compile(CONTROL.pattern.replace(r"\x0a-", r"\x0b-"))
UNITS = [(86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def say(text: str, *, end: str = "\n") -> None:
    """At once, also into a pipe."""
    sys.stdout.write(CONTROL_BUT_LINES.sub("", text) + end)
    sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """`Uploading source... OK`; without the OK when it fails."""
    say(f"{title}... ", end="")
    try:
        yield
    except BaseException:
        say("")
        raise
    say("OK")


def complain(*lines: str) -> None:
    sys.stdout.flush()
    for line in lines:
        sys.stderr.write(CONTROL_BUT_LINES.sub("", line) + "\n")
    sys.stderr.flush()


def say_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, two spaces between them."""
    cells = [list(headers), *([CONTROL.sub("", cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and what is to be said of each; those of which there is nothing to say are left out."""
    known = [(name, text) for name, text in pairs if text]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}  {CONTROL.sub('', text)}" for name, text in known)


def ago(time: str | None, *, now: datetime | None = None) -> str:
    """`5 minutes ago` from an RFC 3339 time."""
    if not time:
        return ""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(time)).total_seconds())
    for length, unit in UNITS:
        count = seconds // length
        if count >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def words(status: str) -> str:
    return status.replace("_", " ")
