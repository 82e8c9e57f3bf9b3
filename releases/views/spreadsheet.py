"""A history as a file for a spreadsheet: sent while it is read, however long it is."""

from collections.abc import AsyncIterator, Iterator, Sequence

from channels.db import database_sync_to_async
from django.http import StreamingHttpResponse
from django.utils import timezone

from releases.pages.history import csv_text

Piece = list[list[str]]


def sent(name: str, header: Sequence[str], pieces: Iterator[Piece]) -> StreamingHttpResponse:
    """`name`: of what is in it, as a part of the file's name. `pieces` are asked for one by one, in a thread."""
    response = StreamingHttpResponse(_text(header, pieces), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{timezone.now():%Y-%m-%d}.csv"'
    return response


async def _text(header: Sequence[str], pieces: Iterator[Piece]) -> AsyncIterator[bytes]:
    yield (csv_text.MARK + csv_text.lines([header])).encode()
    ask = database_sync_to_async(next, thread_sensitive=False)
    while (piece := await ask(pieces, None)) is not None:
        yield csv_text.lines(piece).encode()
