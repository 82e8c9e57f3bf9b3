"""The database is the log; the socket is a nudge.

Each line has a number per owner (a build or a rollout): 1, 2, 3 … without a gap, in the database before anybody is
told.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from releases.errors import Stale
from releases.logs.mask import Mask
from releases.logs.nudge import cluster_changed, flush, nudge, pages_changed
from releases.models import Build, LogLine, Rollout
from releases.models.log_line import SOURCE_KEY_MAX, STREAM_MAX
from releases.models.storable import storable

MESSAGE_MAX = 16_384
COLUMNS = ("owner", "number", "time", "stream", "message", "source_key")

__all__ = ["Line", "Mask", "after", "append", "clean", "cluster_changed", "flush", "nudge", "pages_changed", "topic"]


@dataclass(frozen=True)
class Line:
    """A line to be. `source_key` names what it reports (event uid and count): the same key is stored once per owner."""

    stream: str
    message: str
    time: datetime = field(default_factory=timezone.now)
    source_key: str | None = None

    @property
    def key(self) -> str | None:
        """The source key as it is stored: of one that is too long, its hash."""
        if not self.source_key:
            return None
        if len(self.source_key) <= SOURCE_KEY_MAX:
            return storable(self.source_key)
        return hashlib.sha256(self.source_key.encode(errors="replace")).hexdigest()


def append(owner: Build | Rollout, lines: Sequence[Line], *, mask: Mask | None = None) -> int:
    """Store `lines` in order and tell the followers. Gives the newest number.

    One short transaction: the owner's row, which holds the counter, is locked, so numbers have no gap and no double,
    whoever writes beside us. Raises Stale when another worker has taken over.
    """
    with transaction.atomic():
        mine = type(owner)._default_manager.filter(pk=owner.pk, epoch=owner.epoch)
        before = mine.select_for_update(no_key=True).order_by().values_list("last_line", flat=True).first()
        if before is None:
            raise Stale(f"{owner} was taken over by another worker.")
        fresh = _without_known(owner.owner, lines)
        last = before + len(fresh)
        if fresh:
            mine.update(last_line=last)
            _insert(owner.owner, before + 1, fresh, mask)
        transaction.on_commit(lambda: nudge(topic(owner.owner)), robust=True)
    owner.last_line = last
    return last


def after(owner: str, number: int, limit: int = 1000) -> list[LogLine]:
    """At most `limit` lines of `owner` with a number above `number`, in order."""
    return list(LogLine.objects.filter(owner=owner, number__gt=number).order_by("number")[:limit])


def topic(owner: str) -> str:
    """The group that followers of `owner`'s log join."""
    return f"log.{owner}"


def _without_known(owner: str, lines: Sequence[Line]) -> list[Line]:
    keys = {line.key for line in lines if line.key}
    if not keys:
        return list(lines)
    known = set(LogLine.objects.filter(owner=owner, source_key__in=keys).values_list("source_key", flat=True))
    fresh = []
    for line in lines:
        if not line.key or line.key not in known:
            fresh.append(line)
            known.add(line.key)
    return fresh


def _insert(owner: str, first: int, lines: list[Line], mask: Mask | None) -> None:
    """With executemany: bulk_create builds one huge statement, which starves the small writers beside it."""
    hide = mask.hide if mask else str
    adapt = connection.ops.adapt_datetimefield_value
    rows = [
        (owner, number, adapt(line.time), storable(line.stream[:STREAM_MAX]), clean(hide(line.message)), line.key)
        for number, line in enumerate(lines, start=first)
    ]
    table = connection.ops.quote_name(LogLine._meta.db_table)
    places = ", ".join(["%s"] * len(COLUMNS))
    with connection.cursor() as cursor:
        statement = f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({places})"  # noqa: S608 (only our own names)
        cursor.executemany(statement, rows)


def clean(message: str) -> str:
    """One line of bounded length that every database stores (no NUL, no half of a surrogate pair).

    Of what a carriage return overwrites, a progress bar say, the last state, as a terminal shows it.
    """
    message = message.rstrip("\r\n").replace("\r\n", " ")
    if "\r" in message:
        message = next((part for part in reversed(message.split("\r")) if part), "")
    if len(message) > MESSAGE_MAX:
        message = message[:MESSAGE_MAX] + " [cut]"
    return storable(message.replace("\n", " "))
