"""Long lists, a page at a time: by a place between two rows, so that what is made meanwhile moves nothing."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"([0-9]{1,16})-([A-Za-z0-9]{1,18})\Z", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A row's place in a list that is sorted by a moment, then by primary key; the newest first."""

    moment: datetime
    key: str

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{(self.moment - BEGINNING) // timedelta(microseconds=1)}-{self.key}"

    @classmethod
    def read(cls, text: str, *, key: str = "[0-9]+") -> "Place | None":
        """None for what is no place. `key`: what a primary key looks like here."""
        found = _WRITTEN.match(text)
        if found is None or not re.fullmatch(key, found[2]):
            return None
        return cls(BEGINNING + timedelta(microseconds=int(found[1])), found[2])

    def older(self, column: str) -> Q:
        return Q(**{f"{column}__lte": self.moment}) & ~Q(**{column: self.moment, "pk__gte": self.key})

    def newer(self, column: str) -> Q:
        return Q(**{f"{column}__gte": self.moment}) & ~Q(**{column: self.moment, "pk__lte": self.key})


@dataclass(frozen=True)
class Window(Generic[Row]):
    """Some rows in their order. `older`, `newer`: the places from which to go on, None where nothing follows."""

    rows: list[Row]
    older: Place | None = None
    newer: Place | None = None


def place_of(row: Any, column: str) -> Place:
    return Place(getattr(row, column), str(row.pk))


def window(
    rows: QuerySet[Row], column: str, *, size: int, before: Place | None = None, after: Place | None = None
) -> Window[Row]:
    """The newest `size` of `rows`; with `before` those right before it, with `after` those right after it."""
    if after is not None:
        found = list(rows.filter(after.newer(column)).order_by(column, "pk")[: size + 1])
        more, shown = len(found) > size, found[:size][::-1]
        newer = place_of(shown[0], column) if more else None
        return Window(shown, place_of(shown[-1], column) if shown else after, newer)
    if before is not None:
        rows = rows.filter(before.older(column))
    found = list(rows.order_by(f"-{column}", "-pk")[: size + 1])
    shown = found[:size]
    older = place_of(shown[-1], column) if len(found) > size else None
    newer = (place_of(shown[0], column) if shown else before) if before is not None else None
    return Window(shown, older, newer)
