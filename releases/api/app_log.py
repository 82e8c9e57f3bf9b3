"""What an app's processes write, read from its cluster."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from django.http import StreamingHttpResponse
from ninja import Path, Query, Router

from releases import actions
from releases.api import log_stream
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.log_stream import FAILURE, LINE, Pulse, failure, streamed
from releases.api.lookups import find_app
from releases.errors import DeployerError
from releases.models import App
from releases.pipeline.app_output.following import AppLog
from releases.pipeline.app_output.spoken import LINES_MAX, Spoken

router = Router()
QUIET_SECONDS = 5.0
SCHEMA = log_stream.schema(
    LINE,
    FAILURE,
    description="One JSON object a line, in the order of time; from the first one on, blank or not, nothing "
    "is missed. Blank lines mean nothing. An error ends it. Numbers count within this answer.",
)
Filter = Annotated[str, Query("", max_length=300)]


@router.get("/log", response={200: None, **documented(404, 409)}, openapi_extra=SCHEMA)
def app_log(
    request: Request,
    app_name: Path[str],
    service: Filter,
    process: Filter,
    since: Annotated[str, Query("", max_length=100, description="90s, 10m, 2h, 1d, or an RFC 3339 time")],
    lines: Annotated[
        int | None, Query(None, ge=0, le=LINES_MAX, description="the last so many; 100 if since is not given either")
    ],
    follow: Annotated[bool, Query(False)],
) -> StreamingHttpResponse:
    """The output of the app's processes, all together. With `follow` it goes on, with processes that come and go."""
    app = find_app(app_name, by=request.actor)
    wanted = actions.app_log(
        app, by=request.actor, service=service, process=process, since=since, lines=lines, follow=follow
    )
    return streamed(_lines(request, app, wanted))


async def _lines(request: Request, app: App, wanted: AppLog) -> AsyncIterator[bytes]:
    pulse, number = Pulse(request, app), 0
    begun = False  # the headers leave with the first bytes: then nothing that is written is missed
    try:
        async with aclosing(wanted.parts(QUIET_SECONDS)) as parts:
            async for part in parts:
                if not await pulse.goes_on():
                    return
                said = pulse.line(b"".join(_encoded(one, number + place) for place, one in enumerate(part, 1)))
                if said or not begun:
                    yield said or b"\n"
                begun = True
                number += len(part)
    except DeployerError as error:
        yield (json.dumps(failure(error)) + "\n").encode()


def _encoded(said: Spoken, number: int) -> bytes:
    return b'{"number": %d, ' % number + said.encoded + b"\n"
