"""A one-off command with a release: its output as it comes. It lives as long as the answer: who leaves ends it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from channels.db import database_sync_to_async
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from releases import actions, policy
from releases.errors import DeployerError
from releases.forms import RunForm
from releases.forms.runs import words
from releases.models import App, Release
from releases.pages.run_page import END, LINES, Output, context
from releases.policy.sessions import actor_now
from releases.views.door import Request, form_page, status_of
from releases.views.releases import release_of

AS_LINES = "application/x-ndjson"
# How long nothing may happen before we look whether who asked is still there, and may still.
QUIET_SECONDS, CHECK_SECONDS = 5.0, 15.0


@form_page
def run(request: Request, name: str, release_id: str) -> HttpResponseBase:
    """Who asks for lines of JSON gets them as the API gives them; a browser without JavaScript a page that grows."""
    release = release_of(name, release_id)
    policy.require("view", by=request.actor, app=release.app)
    if request.method != "POST":
        return render(request, "run.html", context(release, by=request.actor))
    try:
        given = RunForm.checked(request.POST)
        output = actions.run(release, words(given.pop("command")), by=request.actor, **given)
    except DeployerError as error:
        request.trouble = error
        return _drawn(request, release, status=status_of(error))
    watch = Watch(request.session, release.app)
    parts = output.parts(QUIET_SECONDS)
    if AS_LINES in request.headers.get("Accept", ""):
        return _streamed(_as_lines(watch, parts), AS_LINES)
    page = _drawn(request, release, running=True).content.decode()
    return _streamed(_as_page(watch, parts, page), "text/html; charset=utf-8")


class Watch:
    """Whether who began it may still have it run: asked now and then."""

    def __init__(self, session: SessionBase, app: App) -> None:
        self.session, self.app, self.looked = session, app, time.monotonic()

    async def goes_on(self) -> bool:
        if time.monotonic() - self.looked < CHECK_SECONDS:
            return True
        self.looked = time.monotonic()
        return await database_sync_to_async(self._may, thread_sensitive=False)()

    def _may(self) -> bool:
        return not policy.refusals("run", by=actor_now(self.session), app=self.app)


async def _as_lines(watch: Watch, output: Output) -> AsyncIterator[bytes]:
    number = 0
    yield b"\n"  # the headers leave with the first bytes
    async with aclosing(output) as parts:
        async for part in parts:
            if not await watch.goes_on():
                return
            told = (json.dumps(said.as_json(number + place)) + "\n" for place, said in enumerate(part, 1))
            yield "".join(told).encode() or b"\n"
            number += len(part)


async def _as_page(watch: Watch, output: Output, page: str) -> AsyncIterator[bytes]:
    before, _, rest = page.partition(LINES)
    between, _, after = rest.partition(END)
    yield before.encode()
    end: dict[str, Any] = {}
    number = 0
    async with aclosing(output) as parts:
        async for part in parts:
            if not await watch.goes_on():
                break
            told = [said.as_json(number + place) for place, said in enumerate(part, 1)]
            end = next((said for said in told if "message" not in said), end)
            yield render_to_string("run_lines.html", {"lines": [said for said in told if "message" in said]}).encode()
            number += len(part)
    yield (between + render_to_string("run_end.html", end) + after).encode()


def _drawn(request: Request, release: Release, *, status: int = 200, running: bool = False) -> HttpResponse:
    given = {**context(release, by=request.actor), "typed": request.POST, "running": running}
    response = render(request, "run.html", given, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _streamed(said: AsyncIterator[bytes], kind: str) -> StreamingHttpResponse:
    """Past what would hold it up or keep it."""
    response = StreamingHttpResponse(said, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
