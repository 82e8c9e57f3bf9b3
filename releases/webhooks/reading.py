"""Bodies on their way from the wire to the database: how many bytes of them are in memory, and for how long."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from releases.webhooks.refused import UNREAD, Refused, retry_after

# Nobody but GitHub sends large ones, it sends them quickly, and it gives up after ten seconds itself.
LARGE_BYTES, LARGE_AT_ONCE, READ_SECONDS = 1024**2, 4, 10.0
# All that are not large, together; and of one address.
ROOM_BYTES, SHARE_BYTES = 64 * 1024**2, 32 * 1024**2
RETRY_SECONDS = 5


class Unfinished(Exception):
    """It did not come to its end in time, or its sender is gone; `answer` is for who is still there."""

    def __init__(self, answer: Refused | None = None) -> None:
        super().__init__()
        self.answer = answer


class Room:
    """Bytes in memory: so many together, and so many of one address."""

    def __init__(self, size: int, share: int) -> None:
        self.size, self.share = size, share
        self.held, self.of = 0, Counter[str]()

    def take(self, address: str, size: int) -> None:
        """Raises Refused."""
        if self.held + size > self.size or self.of[address] + size > self.share:
            raise _busy()
        self.held += size
        self.of[address] += size

    def leave(self, address: str, size: int) -> None:
        self.held -= size
        self.of[address] -= size
        if not self.of[address]:
            del self.of[address]


class Reading:
    """`seconds`: for all of a body."""

    def __init__(self, *, seconds: float = READ_SECONDS, room: int = ROOM_BYTES, share: int = SHARE_BYTES) -> None:
        self.seconds, self.room = seconds, Room(room, share)
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)

    @asynccontextmanager
    async def body(self, receive: Any, *, address: str, length: int | None) -> AsyncIterator[bytes]:
        """All of it, and room for it until it is done with. `length`: as announced. Raises Unfinished, Refused.

        Of those that are large, or do not say how large they are, few are there at once; the others share a room.
        """
        deadline = asyncio.get_running_loop().time() + self.seconds
        if is_large(length):
            await self._wait_for_turn(deadline)
            try:
                yield b"".join([piece async for piece in self._pieces(receive, deadline)])
            finally:
                self.large.release()
            return
        pieces, taken = [], 0
        try:
            async for piece in self._pieces(receive, deadline):
                self.room.take(address, len(piece))
                taken += len(piece)
                pieces.append(piece)
            yield b"".join(pieces)
        finally:
            self.room.leave(address, taken)

    async def _wait_for_turn(self, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self.large.acquire()
        except TimeoutError:
            raise _busy() from None

    async def _pieces(self, receive: Any, deadline: float) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                words = f"The delivery did not come within {self.seconds:g} s."
                raise Unfinished(Refused(408, "timeout", words, UNREAD)) from None
            if message["type"] == "http.disconnect":
                raise Unfinished
            yield message.get("body", b"")
            more = message.get("more_body", False)


def is_large(length: int | None) -> bool:
    return length is None or length > LARGE_BYTES


def _busy() -> Refused:
    return Refused(503, "busy", "Too much comes at once.", [*retry_after(RETRY_SECONDS), *UNREAD])
