"""Words looked for in a long list: in so many rows at a time, and the page says which these were."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from releases.pages.history.keyset import Place, Row, Window

LOOKED_THROUGH = 1500


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A page. `back_to`: of which moment the oldest row is that was looked through, where older ones were not."""

    window: Window[Row]
    back_to: datetime | None = None


@dataclass(frozen=True)
class Hits:
    """`keys`: primary keys of the rows that have the words. `older`: the place to go on from, None at the end."""

    keys: list[str]
    older: Place | None = None
    back_to: datetime | None = None


def search(words: str, texts: Iterable[tuple[Place, str]], *, size: int) -> Hits:
    """The first `size` of `texts` that have all the words, whatever the case, in every alphabet; of LOOKED_THROUGH at
    most: one more, and it says that there are others."""
    parts = words.casefold().split()
    keys: list[str] = []
    last: Place | None = None
    for count, (place, text) in enumerate(texts):
        if len(keys) == size:
            return Hits(keys, last)
        if count == LOOKED_THROUGH:
            return Hits(keys, last, last.moment if last else None)
        last = place
        folded = text.casefold()
        if all(part in folded for part in parts):
            keys.append(place.key)
    return Hits(keys)
