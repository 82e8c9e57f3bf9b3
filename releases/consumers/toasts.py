"""What a person is told wherever they are: that a rollout of theirs, or one that they watched, has ended.

`/ws/pages/toasts?seen=N&watched=shop.12,web.3` sends JSON `{"seen", "watched", "ended": [{"key", "address", "icon",
"tone", "words", "more"}, …]}`: at once, and whenever that changes. A browser that comes back gives what it was told
last, and is sent what has ended since. Without `seen`: what ends from now on.
"""

import asyncio
import json
from dataclasses import asdict
from urllib.parse import parse_qs

from channels.db import database_sync_to_async

from releases.consumers.socket import Socket
from releases.logs.hear import Nudges
from releases.pages import toasts
from releases.policy import Actor

# A rollout nudges many times before it ends, and a toast may come a second late.
PAUSE_SECONDS = 1.0
LOOK_SECONDS, LOOK_WITHOUT_NUDGES_SECONDS = 15.0, 3.0
QUERY_MAX = 4000


class ToastsConsumer(Socket):
    async def run(self) -> None:
        self.watcher = await self.actor()
        seen, watched = _asked(self.scope["query_string"])
        told = None
        async with Nudges("page.apps") as nudges:
            while True:
                look = await database_sync_to_async(toasts.look, thread_sensitive=False)(seen, watched, by=self.watcher)
                if look.ended or (look.seen, look.watched) != told:
                    await self.send(text_data=json.dumps(asdict(look)))
                seen, watched = told = look.seen, look.watched
                await asyncio.sleep(PAUSE_SECONDS)
                await nudges.wait(LOOK_SECONDS if nudges.reliable else LOOK_WITHOUT_NUDGES_SECONDS)

    async def actor(self) -> Actor:
        self.watcher = await super().actor()
        return self.watcher


def _asked(query: bytes) -> tuple[int | None, list[str]]:
    asked = parse_qs(query[:QUERY_MAX].decode("ascii", "replace"))
    seen = asked.get("seen", [""])[0]
    watched = asked.get("watched", [""])[0].replace("\x00", "").split(",")
    return int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 18 else None, watched[: toasts.WATCHED_MAX]
