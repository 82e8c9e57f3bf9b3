"""A log as it grows.

`/ws/logs/build/<id>?after=N` and `/ws/logs/rollout/<app>.<number>?after=N` send frames of JSON:
`{"lines": [{"number", "time", "stream", "message"}, …], "finished": false}`, in order, without a gap, beginning after
line N; the last frame has `"finished": true`, and the socket closes. `time` is RFC 3339 UTC in seconds.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.shortcuts import get_object_or_404

from releases.consumers.socket import Socket
from releases.logs.tail import follow
from releases.models import Build, LogLine, Rollout


class LogConsumer(Socket):
    async def run(self) -> None:
        await self.actor()
        where = self.scope["url_route"]["kwargs"]
        owner = await database_sync_to_async(_owner, thread_sensitive=False)(where["kind"], where["name"])
        # Each batch is sent before the next is asked for: whoever reads slowly is read for slowly.
        lines_after = cast(AsyncGenerator[list[LogLine], None], follow(owner, _after(self.scope["query_string"])))
        async with aclosing(lines_after) as batches:
            async for lines in batches:
                if lines:
                    await self._send(lines)
        await self._send([], finished=True)

    async def _send(self, lines: list[LogLine], *, finished: bool = False) -> None:
        written = ", ".join(line.as_text for line in lines)
        await self.send(text_data=f'{{"lines": [{written}], "finished": {json.dumps(finished)}}}')


def _owner(kind: str, name: str) -> str:
    """What the lines are filed under. Raises Http404."""
    if kind == "build":
        return get_object_or_404(Build.objects.only("id"), pk=name).owner
    app_name, _, number = name.rpartition(".")
    wanted = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    return get_object_or_404(Rollout.objects.only("id"), app__name=app_name, number=wanted).owner


def _after(query: bytes) -> int:
    values = parse_qs(query.decode("ascii", "replace")).get("after", [""])
    return int(values[0]) if values[0].isascii() and values[0].isdigit() and len(values[0]) < 10 else 0
