"""The live parts of a page: drawn anew when something has changed, by the same templates that drew the page."""

import asyncio

from channels.db import database_sync_to_async

from releases.consumers.socket import Socket
from releases.logs.hear import Nudges
from releases.pages import Section, board_for
from releases.policy import Actor

# Draw at most this often, so that a thousand events cost a browser no more than ten.
PAUSE_SECONDS = 0.1
LOOK_WITHOUT_NUDGES_SECONDS = 2.0


class PageConsumer(Socket):
    """`/ws/pages/<topic>`: sends HTML whose elements replace those of the same ID. What did not change is not sent."""

    async def run(self) -> None:
        topic = self.scope["url_route"]["kwargs"]["topic"]
        self.watcher = await self.actor()
        self.shown: dict[str, int] = {}
        group = await database_sync_to_async(_group, thread_sensitive=False)(topic, self.watcher)
        async with Nudges(group) as nudges:
            while True:
                look = await self._draw(topic)
                await asyncio.sleep(PAUSE_SECONDS)
                await nudges.wait(look if nudges.reliable else LOOK_WITHOUT_NUDGES_SECONDS)

    async def actor(self) -> Actor:
        self.watcher = await super().actor()
        return self.watcher

    async def _draw(self, topic: str) -> float:
        """Send what changed. Gives the seconds after which to look again anyway."""
        sections, look = await database_sync_to_async(_sections, thread_sensitive=False)(topic, self.watcher)
        changed = [section for section in sections if self.shown.get(section.name) != section.digest]
        if changed:
            await self.send(text_data="".join(section.html for section in changed))
            self.shown = {section.name: section.digest for section in sections}
        return look


def _group(topic: str, by: Actor) -> str:
    return board_for(topic, by=by).group


def _sections(topic: str, by: Actor) -> tuple[list[Section], float]:
    board = board_for(topic, by=by)
    return board.draw(), board.look
