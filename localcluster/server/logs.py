"""The log of a container, as a request: read from the kubelet's file, whose lines are `<time> <stream> <F|P>
<text>`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from localcluster import clock
from localcluster.errors import BadRequest
from localcluster.server.messages import Request

_BLOCK = 64 * 1024
_POLL = 0.1
"""Seconds between looks at a file that is followed."""


@dataclass(frozen=True)
class Choice:
    """Which lines, and how: `since` is an RFC 3339 time in whole seconds, None for all."""

    tail: int | None
    since: str | None
    timestamps: bool
    limit: int | None

    @staticmethod
    def of(request: Request) -> "Choice":
        """Raises BadRequest."""
        seconds, limit = request.number("sinceSeconds"), request.number("limitBytes")
        since = request.query.get("sinceTime")
        if seconds is not None:
            seconds = min(seconds, 10**9)
            since = clock.stamp(datetime.now(UTC) - timedelta(seconds=seconds))
        elif since:
            try:
                since = clock.stamp(clock.parse(since))
            except ValueError:
                raise BadRequest(f'sinceTime: Invalid value: "{since}"') from None
        return Choice(request.number("tailLines"), since or None, request.flag("timestamps"), limit)


async def read(path: Path, choice: Choice, is_over: Callable[[], bool] | None) -> AsyncIterator[bytes]:
    """The chosen lines. With `is_over` the file is followed until that says that nothing more will be written."""
    left = choice.limit
    async for block in _lines(path, choice, is_over):
        if left is not None:
            block = block[:left]
            left -= len(block)
        if block:
            yield block
        if left == 0:
            return


async def _lines(path: Path, choice: Choice, is_over: Callable[[], bool] | None) -> AsyncIterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        if choice.tail is not None:
            file.seek(_tail_start(file, choice.tail))
        rest = b""
        while True:
            over = is_over is None or is_over()
            while block := file.read(_BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                yield b"".join(_shown(line, choice) for line in lines)
                await asyncio.sleep(0)
            if over:
                return
            await asyncio.sleep(_POLL)


def _tail_start(file: BinaryIO, count: int) -> int:
    """Where the last `count` lines begin."""
    end = file.seek(0, 2)
    if count == 0:
        return end
    position, newlines = end, 0
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        if position + size == end:
            block = block.removesuffix(b"\n")
        place = len(block)
        while (place := block.rfind(b"\n", 0, place)) >= 0:
            newlines += 1
            if newlines == count:
                return position + place + 1
    return 0


def _shown(line: bytes, choice: Choice) -> bytes:
    time, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if choice.since and time[:19].decode("ascii", "replace") < choice.since[:19]:
        return b""
    shown = time + b" " + text if choice.timestamps else text
    return shown if tag == b"P" else shown + b"\n"
