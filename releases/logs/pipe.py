"""From a thread to a coroutine, in order and bounded: a thread that is faster than who takes has to wait."""

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Pipe(Generic[Thing]):
    """Made in the coroutine's loop. The thread calls `put` and `end`, the coroutine `take` and `close`."""

    def __init__(self, size: int) -> None:
        """`size`: how many things may wait."""
        self.loop = asyncio.get_running_loop()
        self.size = size
        self.things: deque[Thing] = deque()
        self.ended = self.closed = False
        self.room = threading.Condition()
        self.filled = asyncio.Event()

    def put(self, thing: Thing, seconds: float) -> bool:
        """Waits so long while it is full. False: there was no room, or it is `closed`."""
        with self.room:
            self.room.wait_for(lambda: len(self.things) < self.size or self.closed, seconds)
            if self.closed or len(self.things) >= self.size:
                return False
            self.things.append(thing)
        self._tell()
        return True

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._tell()

    async def take(self, seconds: float) -> list[Thing] | None:
        """All that waits; nothing when nothing has come in `seconds`; None at the end."""
        ended = self.ended  # before looking: what was put before the end was said is found below
        if not self.things and not ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.filled.wait(), seconds)
            ended = self.ended
        self.filled.clear()
        with self.room:
            taken = list(self.things)
            self.things.clear()
            self.room.notify_all()
        return taken if taken or not ended else None

    def close(self) -> None:
        """Nobody takes any more."""
        with self.room:
            self.closed = True
            self.things.clear()
            self.room.notify_all()

    def _tell(self) -> None:
        with suppress(RuntimeError):  # the loop is gone, and with it who takes
            self.loop.call_soon_threadsafe(self.filled.set)
