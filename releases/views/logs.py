"""Logs over HTTP: all of one as text, and the lines before those that a page has."""

from collections.abc import AsyncIterator

from channels.db import database_sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from releases import logs
from releases.models import Build, Rollout
from releases.pages.log_window import earlier

BATCH = 2000


def raw(row: Build | Rollout, filename: str) -> StreamingHttpResponse:
    """All lines that there are by now, in the format of the log, without ever holding more than a batch."""
    response = StreamingHttpResponse(_text(row.owner, row.last_line), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{filename}"'
    return response


def earlier_lines(request: HttpRequest, row: Build | Rollout) -> HttpResponse:
    """`?before=N`: the lines before the line N, as the websocket's frames give them."""
    found = earlier(row.owner, before_of(request))
    return JsonResponse({"lines": [line.as_json() for line in found]})


def before_of(request: HttpRequest) -> int | None:
    """The line number in `?before=`; None for none, or for what is no line number."""
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 10 else None


async def _text(owner: str, last: int) -> AsyncIterator[bytes]:
    number = 0
    while number < last:
        lines = await database_sync_to_async(logs.after, thread_sensitive=False)(owner, number, BATCH)
        if not lines:
            return
        number = lines[-1].number
        yield "".join(f"{line}\n" for line in lines).encode()
