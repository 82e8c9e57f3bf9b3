"""A log as one JSON object a line, whole or as it grows."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse

from releases import logs
from releases.api.authentication import Request, may_still_view
from releases.logs.tail import follow
from releases.models import Build, LogLine, Rollout

CONTENT_TYPE = "application/x-ndjson"
BATCH = 1000
# A blank line this often keeps proxies from hanging up, and shows a reader who has gone.
KEEP_ALIVE_SECONDS = 15.0

SCHEMA: dict[str, Any] = {
    "responses": {
        200: {
            "description": "One JSON object a line; blank lines mean nothing.",
            "content": {
                CONTENT_TYPE: {
                    "schema": {
                        "type": "object",
                        "required": ["number", "time", "stream", "message"],
                        "properties": {
                            "number": {"type": "integer", "minimum": 1},
                            "time": {"type": "string", "format": "date-time"},
                            "stream": {"type": "string"},
                            "message": {"type": "string"},
                        },
                    }
                }
            },
        }
    }
}


def log_response(request: Request, owner: Build | Rollout, after: int, *, following: bool) -> StreamingHttpResponse:
    """The lines of `owner` with a number above `after`; when following, until it is finished or the right is gone."""
    lines = _following(request, owner.owner, after) if following else _stored(owner.owner, after)
    response = StreamingHttpResponse(lines, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _stored(owner: str, number: int) -> AsyncIterator[bytes]:
    while True:
        lines = await database_sync_to_async(logs.after, thread_sensitive=False)(owner, number, BATCH)
        if lines:
            number = lines[-1].number
            yield _encoded(lines)
        if len(lines) < BATCH:
            return


async def _following(request: Request, owner: str, number: int) -> AsyncIterator[bytes]:
    sent = checked = time.monotonic()
    yield b"\n"  # the headers leave with the first bytes: a log without lines yet is answered at once, too
    async with aclosing(follow(owner, number)) as batches:  # type: ignore[type-var]
        async for lines in batches:
            if time.monotonic() - checked >= KEEP_ALIVE_SECONDS:
                checked = time.monotonic()
                if not await database_sync_to_async(may_still_view, thread_sensitive=False)(request):
                    return
            if lines:
                yield _encoded(lines)
            elif time.monotonic() - sent >= KEEP_ALIVE_SECONDS:
                yield b"\n"
            else:
                continue
            sent = time.monotonic()


def _encoded(lines: list[LogLine]) -> bytes:
    return "".join(json.dumps(line.as_json()) + "\n" for line in lines).encode()
