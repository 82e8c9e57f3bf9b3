"""One-off processes: their output as it comes, and how they ended."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from django.http import StreamingHttpResponse
from ninja import Path, Router
from pydantic import Field

from releases import actions
from releases.actions.runs import TIMEOUT_DEFAULT, TIMEOUT_MAX
from releases.api import log_stream
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Text
from releases.api.log_stream import FAILURE, LINE, Pulse, streamed
from releases.api.lookups import find_app, find_release
from releases.forms.runs import words
from releases.models import App
from releases.pipeline.run_course import Course, End, Said

router = Router()
# How long nothing may happen before we look whether who asked may still have it.
QUIET_SECONDS = 5.0
EXIT: dict[str, Any] = {"type": "object", "required": ["exit"], "properties": {"exit": {"type": "integer"}}}
SCHEMA = log_stream.schema(
    LINE,
    EXIT,
    FAILURE,
    description="One JSON object a line: the output, and in the last line the exit code, or why there is none; blank "
    "lines mean nothing.",
)


class Wanted(Body):
    # In one text it is split into words as a shell would do it, but no shell runs it.
    command: str | list[str]
    # Left out: web, else the only one.
    service: Text = ""
    # In seconds.
    timeout: Annotated[int, Field(strict=True, ge=1, le=TIMEOUT_MAX)] = TIMEOUT_DEFAULT


@router.post("/{release_id}/run", response={200: None, **documented(404, 409)}, openapi_extra=SCHEMA)
def run(request: Request, app_name: Path[str], release_id: str, payload: Wanted) -> StreamingHttpResponse:
    """Run a command once, with the image and variables of this release, promoted or not. It lives as long as the
    answer: whoever hangs up ends it."""
    app = find_app(app_name, by=request.actor)
    release = find_release(app, release_id)
    course = actions.run(
        release, _words(payload.command), by=request.actor, service=payload.service, timeout=payload.timeout
    )
    return streamed(_lines(request, app, course))


def _words(command: str | list[str]) -> list[str]:
    return words(command) if isinstance(command, str) else command


async def _lines(request: Request, app: App, course: Course) -> AsyncIterator[bytes]:
    pulse, number = Pulse(request, app, action="run"), 0
    yield b"\n"  # the headers leave with the first bytes
    async with aclosing(course.parts(QUIET_SECONDS)) as parts:
        async for part in parts:
            if not await pulse.goes_on():
                return
            if said := pulse.line(b"".join(_encoded(one, number + place) for place, one in enumerate(part, 1))):
                yield said
            number += len(part)


def _encoded(said: Said | End, number: int) -> bytes:
    return (json.dumps(said.as_json(number)) + "\n").encode()
