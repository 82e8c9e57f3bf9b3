"""What shows that something is wrong: events of the cluster, and what processes wrote. Bounded, whatever there is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

from releases.logs.plain import plain

# A page that is drawn every few seconds shows the end of a log; the whole is one link away.
LINES_SHOWN, LETTERS_SHOWN = 60, 200_000


@dataclass(frozen=True)
class Event:
    """`at`: None where the cluster's time can't be read."""

    at: datetime | None
    object: str
    reason: str
    message: str
    count: int
    is_warning: bool


@dataclass(frozen=True)
class Log:
    """The last lines of one container. `more`: how many earlier ones were read, too. `address`: of the page with its
    whole log."""

    process: str
    container: str
    previous: bool
    lines: tuple[str, ...]
    more: int
    address: str

    @property
    def title(self) -> str:
        which = "the run before this one" if self.previous else "this run"
        return f"{self.container}, {which}" if self.container else which


class Paper:
    """What all logs of a page may fill together: whoever comes first has most of it."""

    def __init__(self, letters: int = LETTERS_SHOWN) -> None:
        self.left = letters

    def log(self, lines: Mapping[str, Any], service: str, home: str) -> Log:
        read = [words(line) for line in lines.get("lines") or ()]
        shown: list[str] = []
        for line in reversed(read[-LINES_SHOWN:]):
            if len(line) > self.left:
                break
            self.left -= len(line)
            shown.insert(0, line)
        process = words(lines.get("process"))
        return Log(
            process=process,
            container=words(lines.get("container")),
            previous=bool(lines.get("previous")),
            lines=tuple(shown),
            more=len(read) - len(shown),
            address=f"{home}/logs?{urlencode({'service': service, 'process': process})}",
        )


def events_of(rows: Iterable[Mapping[str, Any]]) -> Iterator[Event]:
    for row in rows:
        yield Event(
            at=moment(row.get("last")),
            object=words(row.get("object")),
            reason=words(row.get("reason")),
            message=words(row.get("message")),
            count=row.get("count") or 1,
            is_warning=row.get("type") != "Normal",
        )


def words(said: Any) -> str:
    """What anybody may have said, as it is read."""
    return plain(str(said or ""))


def moment(text: Any) -> datetime | None:
    """Of an ISO time as the cluster or we wrote it; None for anything else."""
    try:
        found = parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
