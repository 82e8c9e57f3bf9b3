"""Reading a stream of lines with an eye on the clock."""

import asyncio
from collections.abc import AsyncIterator

Lines = AsyncIterator[bytes]


class Reading:
    """Nothing is lost when the time is over before a line comes."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.pending: asyncio.Future[bytes | None] | None = None

    async def next(self, deadline: float | None = None) -> bytes | None:
        """The next line; None at the end, and at `deadline` (of the loop's clock)."""
        loop = asyncio.get_running_loop()
        if self.pending is None:
            self.pending = asyncio.ensure_future(anext(self.lines, None))
        left = None if deadline is None else max(deadline - loop.time(), 0)
        done, _ = await asyncio.wait({self.pending}, timeout=left)
        if not done:
            return None
        line = self.pending.result()
        self.pending = None
        return line

    async def stop(self) -> None:
        if self.pending is not None:
            self.pending.cancel()
            await asyncio.gather(self.pending, return_exceptions=True)


async def within(lines: Lines, seconds: float) -> Lines:
    """What comes in the next `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    reading = Reading(lines)
    try:
        while line := await reading.next(deadline):
            yield line
    finally:
        await reading.stop()


async def gathered(lines: Lines, seconds: float) -> AsyncIterator[list[bytes]]:
    """Each line together with what comes within `seconds` after it."""
    loop = asyncio.get_running_loop()
    reading = Reading(lines)
    try:
        while first := await reading.next():
            batch, deadline = [first], loop.time() + seconds
            while seconds and (line := await reading.next(deadline)):
                batch.append(line)
            yield batch
    finally:
        await reading.stop()
