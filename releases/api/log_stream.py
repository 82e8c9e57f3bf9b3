"""A log as one JSON object a line, whole or as it grows."""

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse

from releases import logs
from releases.api.authentication import Request, may_still
from releases.errors import DeployerError
from releases.logs.tail import follow
from releases.models import App, Build, LogLine, Rollout

CONTENT_TYPE = "application/x-ndjson"
BATCH = 1000
# A blank line this often keeps proxies from hanging up, and shows a reader who has gone.
KEEP_ALIVE_SECONDS = 15.0

LINE: dict[str, Any] = {
    "type": "object",
    "required": ["number", "time", "stream", "message"],
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "time": {"type": "string", "format": "date-time"},
        "stream": {"type": "string"},
        "message": {"type": "string"},
    },
}
FAILURE: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"$ref": "#/components/schemas/ErrorDetail"}},
}


def schema(*kinds: dict[str, Any], description: str) -> dict[str, Any]:
    """For an operation whose answer has one JSON object a line, of one of these kinds."""
    content = {CONTENT_TYPE: {"schema": kinds[0] if len(kinds) == 1 else {"oneOf": list(kinds)}}}
    return {"responses": {200: {"description": description, "content": content}}}


SCHEMA = schema(LINE, description="One JSON object a line; blank lines mean nothing.")


def log_response(request: Request, owner: Build | Rollout, after: int, *, following: bool) -> StreamingHttpResponse:
    """The lines of `owner` with a number above `after`; when following, until it is finished or the right is gone."""
    return streamed(_following(request, owner, after) if following else _stored(owner.owner, after))


def streamed(lines: AsyncIterator[bytes]) -> StreamingHttpResponse:
    """As it comes, past what would hold it up or keep it."""
    response = StreamingHttpResponse(lines, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def failure(error: DeployerError) -> dict[str, Any]:
    """As an error answer has it."""
    return {"error": {"code": error.code, "message": error.message, "reasons": error.reasons}}


class Pulse:
    """Of an answer that goes on: whether who asked may still have it, and blank lines while there is nothing to say."""

    def __init__(self, request: Request, app: App, *, action: str = "view") -> None:
        self.request, self.app, self.action = request, app, action
        self.sent = self.checked = time.monotonic()

    async def goes_on(self) -> bool:
        if time.monotonic() - self.checked < KEEP_ALIVE_SECONDS:
            return True
        self.checked = time.monotonic()
        return await database_sync_to_async(may_still, thread_sensitive=False)(self.action, self.request, self.app)

    def line(self, said: bytes) -> bytes:
        """What is to be sent now, if anything."""
        if not said and time.monotonic() - self.sent >= KEEP_ALIVE_SECONDS:
            said = b"\n"
        if said:
            self.sent = time.monotonic()
        return said


async def _stored(owner: str, number: int) -> AsyncIterator[bytes]:
    while True:
        lines = await database_sync_to_async(logs.after, thread_sensitive=False)(owner, number, BATCH)
        if lines:
            number = lines[-1].number
            yield _encoded(lines)
        if len(lines) < BATCH:
            return


async def _following(request: Request, owner: Build | Rollout, number: int) -> AsyncIterator[bytes]:
    pulse = Pulse(request, owner.app)
    yield b"\n"  # the headers leave with the first bytes: a log without lines yet is answered at once, too
    async with aclosing(follow(owner.owner, number)) as batches:  # type: ignore[type-var]
        async for lines in batches:
            if not await pulse.goes_on():
                return
            if said := pulse.line(_encoded(lines)):
                yield said


def _encoded(lines: list[LogLine]) -> bytes:
    return "".join(line.as_text + "\n" for line in lines).encode()
