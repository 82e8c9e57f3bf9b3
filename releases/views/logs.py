"""Logs over HTTP: all of one as text, parts of it, what is looked for in it."""

from collections.abc import AsyncIterator

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404

from releases import logs, policy
from releases.logs import reading, search
from releases.logs.reading import Part
from releases.logs.search import Errors, Wanted, Words
from releases.models import Build, Rollout
from releases.models.log_line import STREAM_MAX
from releases.models.storable import storable
from releases.pages.log_window import Asked, LogWindow
from releases.views.door import Request, page

BATCH = 2000
NUMBERS = ("before", "after", "line", "previous", "next")


@page
def build_log(request: Request, name: str, build_id: str) -> HttpResponseBase:
    return _raw(_build(request, name, build_id), f"{build_id}.log")


@page
def build_lines(request: Request, name: str, build_id: str) -> HttpResponse:
    return _lines(request, _build(request, name, build_id))


@page
def build_search(request: Request, name: str, build_id: str) -> HttpResponse:
    return _search(request, _build(request, name, build_id))


@page
def rollout_log(request: Request, name: str, number: int) -> HttpResponseBase:
    return _raw(_rollout(request, name, number), f"{name}-rollout-{number}.log")


@page
def rollout_lines(request: Request, name: str, number: int) -> HttpResponse:
    return _lines(request, _rollout(request, name, number))


@page
def rollout_search(request: Request, name: str, number: int) -> HttpResponse:
    return _search(request, _rollout(request, name, number))


def window_of(request: HttpRequest, row: Build | Rollout) -> LogWindow:
    """Of a page with a log: `?before=`, `?after=`, `?line=`, `?stream=`; `?q=` with `?next=` or `?previous=`."""
    numbers = {name: _number(request, name) for name in NUMBERS}
    return LogWindow.of(row, Asked(stream=_stream(request), words=_words(request), **numbers))


def _raw(row: Build | Rollout, filename: str) -> StreamingHttpResponse:
    """All lines that there are by now, in the format of the log, without ever holding more than a batch."""
    response = StreamingHttpResponse(_text(row.owner, row.last_line), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{filename}"'
    return response


def _lines(request: HttpRequest, row: Build | Rollout) -> HttpResponse:
    """`?before=N`, `?after=N`, `?line=N` (around it), with `?stream=`; without any the newest lines.

    `{"lines": …, "first", "last", "newest"}`: as the websocket's frames give them, and of which numbers these are all.
    """
    newest, stream = row.last_line, _stream(request)
    before, after, line = (_number(request, name) for name in ("before", "after", "line"))
    part: Part
    if after is not None:
        part = reading.after(row.owner, min(after, newest), newest, stream=stream)
    elif line is not None:
        part = reading.around(row.owner, min(line, newest), newest, stream=stream)
    else:
        part = reading.before(row.owner, min(newest if before is None else before - 1, newest) + 1, stream=stream)
    lines = [found.as_json() for found in part.lines]
    return JsonResponse({"lines": lines, "first": part.first, "last": part.last, "newest": newest})


def _search(request: HttpRequest, row: Build | Rollout) -> HttpResponse:
    """`?q=` (or `?errors=1`) with `?after=N` or `?before=N`: `{"number", "searched", "finished"}`; with `?count=1`:
    `{"numbers", "more", "searched", "finished"}`. Not finished: ask again from the line that was `searched`."""
    wanted = _wanted(request)
    newest, stream = row.last_line, _stream(request)
    before, after = _number(request, "before"), _number(request, "after")
    if wanted is None:
        return JsonResponse({"number": None, "numbers": [], "more": False, "searched": newest, "finished": True})
    first = (after or 0) + 1
    if "count" in request.GET:
        return JsonResponse(vars(search.find_all(row.owner, wanted, first=first, last=newest, stream=stream)))
    last = newest if before is None else min(before - 1, newest)
    up = before is None
    return JsonResponse(vars(search.find(row.owner, wanted, first=first, last=last, up=up, stream=stream)))


def _wanted(request: HttpRequest) -> Wanted | None:
    if "errors" in request.GET:
        return Errors()
    words = _words(request)
    return Words(words) if words else None


def _words(request: HttpRequest) -> str:
    return storable(request.GET.get("q", ""))[: search.WORDS_MAX]


def _stream(request: HttpRequest) -> str:
    return storable(request.GET.get("stream", ""))[:STREAM_MAX].rstrip("/")


def _number(request: HttpRequest, name: str) -> int | None:
    """A line number; None for none, or for what is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else None


def _build(request: Request, name: str, build_id: str) -> Build:
    policy.require("view", by=request.actor)
    return get_object_or_404(Build.objects.only("status", "last_line"), app__name=name, pk=build_id)


def _rollout(request: Request, name: str, number: int) -> Rollout:
    policy.require("view", by=request.actor)
    return get_object_or_404(Rollout.objects.only("status", "last_line"), app__name=name, number=number)


async def _text(owner: str, last: int) -> AsyncIterator[bytes]:
    number = 0
    while number < last:
        lines = await database_sync_to_async(logs.after, thread_sensitive=False)(owner, number, BATCH)
        if not lines:
            return
        number = lines[-1].number
        yield "".join(f"{line}\n" for line in lines).encode()
