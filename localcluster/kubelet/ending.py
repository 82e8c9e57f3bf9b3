"""How a process is ended: preStop, SIGTERM, and SIGKILL when its time is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from localcluster.kubelet.process import Exit, Process

QUIET_SHARE = 0.8
"""The part of the grace period that may pass before SIGTERM: preStop, and requests that are still being answered."""


class Deadline:
    """When a process is killed; it can only come nearer."""

    def __init__(self) -> None:
        self._at = float("inf")
        self._nearer = asyncio.Event()

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self._at - time.monotonic()

    def bring_forward(self, seconds: float) -> None:
        """Not later than so many seconds from now."""
        self._at = min(self._at, time.monotonic() + seconds)
        self._nearer.set()

    def forget(self) -> None:
        self._at = float("inf")

    async def reached(self, exit_: asyncio.Future[Exit]) -> bool:
        """Waits for it or for the exit; whether it came first."""
        while not exit_.done():
            if self.left <= 0:
                return True
            self._nearer.clear()
            nearer = asyncio.ensure_future(self._nearer.wait())
            await first(exit_, nearer, within=self.left)
            nearer.cancel()
        return False


async def shut_down(
    running: Process, exit_: asyncio.Future[Exit], deadline: Deadline, quiesce: Callable[[], Awaitable[None]]
) -> None:
    """Returns when it has ended, or has been sent SIGKILL."""
    if deadline.left > 0:
        quiet = asyncio.ensure_future(quiesce())
        await first(quiet, exit_, within=deadline.left * QUIET_SHARE)
        quiet.cancel()
        await asyncio.gather(quiet, return_exceptions=True)
    running.terminate()
    if await deadline.reached(exit_):
        running.kill()


async def first(*futures: asyncio.Future[Any], within: float | None = None) -> None:
    """Waits until one of them is done, or the seconds are over."""
    await asyncio.wait(futures, timeout=within, return_when=asyncio.FIRST_COMPLETED)
