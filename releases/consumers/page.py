"""The live parts of a page: drawn anew when something has changed, by the same templates that drew the page."""

import asyncio
from urllib.parse import parse_qs

from channels.db import database_sync_to_async

from releases.consumers.drawing import audience_of, drawing_for
from releases.consumers.socket import Socket
from releases.logs.hear import Nudges
from releases.pages import Section, board_for
from releases.pages.section import changed, digests, read_by
from releases.policy import Actor

# Draw at most this often, so that a thousand events cost a browser no more than ten.
PAUSE_SECONDS = 0.1
LOOK_WITHOUT_NUDGES_SECONDS = 2.0


class PageConsumer(Socket):
    """`/ws/pages/<topic>?…`: sends HTML whose elements replace those of the same ID. What did not change is not
    sent."""

    async def run(self) -> None:
        self.topic = self.scope["url_route"]["kwargs"]["topic"]
        self.query = _query(self.scope["query_string"])
        self.shown: dict[str, int] = {}
        watcher = await self.actor()
        group = await database_sync_to_async(_group, thread_sensitive=False)(self.topic, watcher, self.query)
        async with Nudges(group) as nudges:
            while True:
                look = await self._draw()
                await asyncio.sleep(PAUSE_SECONDS)
                await nudges.wait(look if nudges.reliable else LOOK_WITHOUT_NUDGES_SECONDS)

    async def actor(self) -> Actor:
        """And what they see: whose rights have changed is shown other buttons."""
        self.watcher = await super().actor()
        audience = await database_sync_to_async(audience_of, thread_sensitive=False)(self.topic, self.watcher)
        self.drawing = drawing_for(self.topic, self.query, audience)
        return self.watcher

    async def _draw(self) -> float:
        """Send what changed. Gives the seconds after which to look again anyway."""
        sections, look = await self.drawing.now()
        if self.watcher.person is not None:
            sections = read_by(self.watcher.person.pk, sections)
        for html in _messages(changed(sections, self.shown)):
            await self.send(text_data=html)
        self.shown = digests(sections)
        return look


def _messages(found: list[Section]) -> list[str]:
    """Rows of a table come in a message of their own: a browser reads them only where nothing else is before them."""
    rows = "".join(section.html for section in found if section.html.startswith("<tr"))
    others = "".join(section.html for section in found if not section.html.startswith("<tr"))
    return [html for html in (others, rows) if html]


def _query(sent: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(sent.decode("ascii", "replace"), errors="replace").items()}


def _group(topic: str, by: Actor, query: dict[str, str]) -> str:
    return board_for(topic, by=by, query=query).group
