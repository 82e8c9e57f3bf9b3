"""One drawing of a page's live parts for all who have the same rights to it.

When something happens, every browser that shows it wants to be told at once. What they are told differs in nothing
but who is `you`, so it is drawn once, not twenty times.
"""

import asyncio
from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from channels.db import database_sync_to_async

from releases import policy
from releases.pages import Section, board_for
from releases.policy import Actor

# Their words depend on the person: what one did is among them.
PERSONAL = ("activity", "history")


class Drawing:
    """Draws at most once at a time; nobody gets what was begun before they asked."""

    def __init__(self, topic: str, query: Mapping[str, str], by: Actor) -> None:
        self.topic, self.query, self.by = topic, query, by
        self.present: asyncio.Task | None = None
        self.next: asyncio.Task | None = None

    async def now(self) -> tuple[list[Section], float]:
        """The sections, and the seconds after which to look again anyway. Raises what `board_for` raises."""
        if self.next is None:
            self.next = asyncio.create_task(self._draw(self.present))
        return await asyncio.shield(self.next)

    async def _draw(self, before: asyncio.Task | None) -> tuple[list[Section], float]:
        if before is not None:
            with suppress(Exception):
                await asyncio.shield(before)
        self.present, self.next = self.next, None
        return await database_sync_to_async(self._drawn, thread_sensitive=False)()

    def _drawn(self) -> tuple[list[Section], float]:
        board = board_for(self.topic, by=self.by, query=self.query)
        return board.draw(), board.look


# By event loop, and by all that a drawing depends on; each lives as long as somebody looks at it.
_drawings: "WeakValueDictionary[Hashable, Drawing]" = WeakValueDictionary()


def audience_of(topic: str, by: Actor) -> Actor:
    """For whom it is drawn: all with the rights of `by`, unless its words are for one person only."""
    return by if topic.partition(".")[0] in PERSONAL else policy.anybody_like(by)


def drawing_for(topic: str, query: Mapping[str, str], audience: Actor) -> Drawing:
    key: Any = (asyncio.get_running_loop(), topic, frozenset(query.items()), audience)
    return _drawings.setdefault(key, Drawing(topic, query, audience))
