"""The log of a container, as a request: read from the kubelet's files, whose lines are `<time> <stream> <F|P> <text>`.

A file that has become too long goes on as `<name>.1` while a new one is begun (`kubelet/shim/output`): both are read,
and whoever follows goes from one to the next without losing a line or getting one twice. Entries tagged P are pieces
of one line: they are shown, and counted by `tailLines`, as one.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from localcluster import clock
from localcluster.errors import BadRequest, StatusError
from localcluster.server.messages import Request

_BLOCK = 64 * 1024
_HEADER = 64
"""Bytes of an entry that surely hold its time, stream and tag."""
_POLL = 0.1
"""Seconds between looks at a file that is followed."""


@dataclass(frozen=True)
class Choice:
    """Which lines, and how: `since` is an RFC 3339 time with nanoseconds, as in the file; None for all."""

    tail: int | None
    since: str | None
    timestamps: bool
    limit: int | None

    @staticmethod
    def of(request: Request) -> "Choice":
        """Raises BadRequest for what is no number or time, and 422 for what makes no sense."""
        name = request.path.rstrip("/").split("/")[-2] if "/" in request.path.strip("/") else ""
        tail = _number(request, name, "tailLines", least=0)
        limit = _number(request, name, "limitBytes", least=1)
        seconds = _number(request, name, "sinceSeconds", least=1)
        since = request.query.get("sinceTime")
        if seconds is not None and since:
            rule = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
            raise _invalid(name, "", "FieldValueForbidden", rule)
        moment = None
        if seconds is not None:
            moment = datetime.now(UTC) - timedelta(seconds=min(seconds, 10**9))
        elif since:
            try:
                moment = clock.parse(since).astimezone(UTC)
            except (ValueError, OverflowError):
                raise BadRequest(f'sinceTime: Invalid value: "{since}"') from None
        text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z") if moment else None
        return Choice(tail, text, request.flag("timestamps"), limit)


def _number(request: Request, name: str, option: str, *, least: int) -> int | None:
    text = request.query.get(option, "")
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 18):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text)
    if value < least:
        rule = "greater than 0" if least else "greater than or equal to 0"
        raise _invalid(name, option, "FieldValueInvalid", f"Invalid value: {value}: must be {rule}")
    return value


def _invalid(name: str, field: str, reason: str, message: str) -> StatusError:
    whole = f'PodLogOptions "{name}" is invalid: {field}: {message}'
    cause = {"reason": reason, "message": message, "field": field}
    return StatusError(422, "Invalid", whole, {"name": name, "kind": "PodLogOptions", "causes": [cause]})


async def read(path: Path, choice: Choice, is_over: Callable[[], bool] | None) -> AsyncIterator[bytes]:
    """The chosen lines. With `is_over` the log is followed until that says that nothing more will be written."""
    left = choice.limit
    async for block in _shown(path, choice, is_over):
        if left is not None:
            block = block[:left]
            left -= len(block)
        if block:
            yield block
        if left == 0:
            return


async def _shown(path: Path, choice: Choice, is_over: Callable[[], bool] | None) -> AsyncIterator[bytes]:
    """Blocks of lines as they are to be shown."""
    page = Page(choice)
    async for lines in _entries(path, choice.tail, is_over):
        yield b"".join(page.show(line) for line in lines)


class Page:
    """Turns entries into what is shown: only the first piece of a line has its time."""

    def __init__(self, choice: Choice) -> None:
        self.timestamps = choice.timestamps
        self.since = choice.since.encode() if choice.since else b""
        self._inside = False

    def show(self, line: bytes) -> bytes:
        time, _, rest = line.partition(b" ")
        _, _, rest = rest.partition(b" ")
        tag, _, text = rest.partition(b" ")
        if time < self.since:
            return b""
        shown = time + b" " + text if self.timestamps and not self._inside else text
        self._inside = tag == b"P"
        return shown if self._inside else shown + b"\n"


async def _entries(path: Path, tail: int | None, is_over: Callable[[], bool] | None) -> AsyncIterator[list[bytes]]:
    files = _open(path)
    try:
        _seek_tail(files, tail)
        rest = b""
        while True:
            over = is_over is None or is_over()
            while files:
                while block := files[0].read(_BLOCK):
                    *lines, rest = (rest + block).split(b"\n")
                    yield lines
                    await asyncio.sleep(0)
                newer = files[1:] or _newer(path, files[0])
                if not newer:
                    break
                # Nothing is written to a file any more once there is a newer one: it was read to its end above, or now.
                if block := files[0].read():
                    *lines, rest = (rest + block).split(b"\n")
                    yield lines
                files.pop(0).close()
                files[:] = newer
                rest = b""
            if over:
                return
            await asyncio.sleep(_POLL)
            files = files or _open(path)
    finally:
        for file in files:
            file.close()


def _open(path: Path) -> list[BinaryIO]:
    """The files of a log, the older one first. The newer is opened first, lest it be renamed in between."""
    files: list[BinaryIO] = []
    for candidate in (path, path.with_name(f"{path.name}.1")):
        try:
            file = candidate.open("rb")
        except FileNotFoundError:
            continue
        if files and _identity(file) == _identity(files[0]):
            file.close()
            continue
        files.insert(0, file)
    return files


def _newer(path: Path, current: BinaryIO) -> list[BinaryIO]:
    """What has been begun since `current` was: one file, or two if the log has been exchanged twice meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if _identity(path) == _identity(current):
            return []
    found = _open(path)
    for index, file in enumerate(found):
        if _identity(file) == _identity(current):
            for known in found[: index + 1]:
                known.close()
            return found[index + 1 :]
    return found


def _identity(file: BinaryIO | Path) -> tuple[int, int]:
    found = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def _seek_tail(files: list[BinaryIO], count: int | None) -> None:
    """Leaves the files where the last `count` lines begin, and drops those before."""
    if count is None:
        return
    left, place = count, 0
    for index in range(len(files) - 1, -1, -1):
        place, left = _tail_start(files[index], left)
        if left <= 0:
            for file in files[:index]:
                file.close()
            del files[:index]
            break
    for index, file in enumerate(files):
        file.seek(0 if index else place)


def _tail_start(file: BinaryIO, count: int) -> tuple[int, int]:
    """Where the last `count` lines of a file begin, and how many of them it lacks."""
    start = _whole_end(file)
    if count == 0:
        return start, 0
    for place in _starts_backwards(file, start):
        file.seek(place)
        if file.read(_HEADER).split(b" ", 3)[2:3] != [b"P"]:
            if count == 0:
                return start, 0
            count -= 1
        start = place
    return 0, count


def _whole_end(file: BinaryIO) -> int:
    """Where the last entry that is written completely ends."""
    end = file.seek(0, os.SEEK_END)
    back = min(end, 2 * _BLOCK)
    file.seek(end - back)
    return end - back + file.read(back).rfind(b"\n") + 1


def _starts_backwards(file: BinaryIO, end: int) -> Iterator[int]:
    """The places where the entries before `end` begin, from the last one to the first."""
    position = max(0, end - 1)
    while position > 0:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        place = len(block)
        while (place := block.rfind(b"\n", 0, place)) >= 0:
            yield position + place + 1
    if end > 0:
        yield 0
