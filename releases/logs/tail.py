"""Follow a log as it grows: one tail per followed log and web process, shared by all who read it."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import takewhile

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError
from django.db.models import Max

from releases.logs import after, topic
from releases.logs.hear import Nudges
from releases.models import Build, LogLine, Rollout

logger = logging.getLogger(__name__)

# How long a follower waits for a nudge before it looks anyway: makes good a lost one.
LOOK_ANYWAY_SECONDS = 2.0
BATCH = 1000
KEPT = 4000


class _Tail:
    """Reads the newest lines once for all followers and keeps the last few thousand."""

    def __init__(self, owner: str, last: int) -> None:
        self.owner = owner
        self.lines: deque[LogLine] = deque(maxlen=KEPT)
        self.last = last
        self.finished = False
        self.followers = 0
        # Set once, when there is more or the end is known; who comes later waits for the next one.
        self.grown = asyncio.Event()
        self.task: asyncio.Task | None = None

    async def run(self) -> None:
        async with Nudges(topic(self.owner)) as nudges:
            while True:
                try:
                    await self._read()
                except (OperationalError, InterfaceError) as error:
                    logger.info("the log of %s waits for the database: %s", self.owner, error)
                await nudges.wait(LOOK_ANYWAY_SECONDS)

    async def _read(self) -> None:
        """The status first: what is finished by then has all its lines stored."""
        while True:
            finished, lines = await database_sync_to_async(_look, thread_sensitive=False)(self.owner, self.last)
            self.lines.extend(lines)
            if lines:
                self.last = lines[-1].number
            self.finished = finished and len(lines) < BATCH
            if lines or self.finished:
                grown, self.grown = self.grown, asyncio.Event()
                grown.set()
            if len(lines) < BATCH:
                return

    def since(self, number: int) -> list[LogLine] | None:
        """The lines after `number`, or None when they are no longer (all) kept."""
        if number >= self.last:
            return []
        if not self.lines or self.lines[0].number > number + 1:
            return None
        # From the end: of thousands that are kept, each follower lacks the last few.
        return list(takewhile(lambda line: line.number > number, reversed(self.lines)))[::-1]


_tails: dict[tuple[asyncio.AbstractEventLoop, str], _Tail] = {}


async def follow(owner: str, number: int = 0) -> AsyncIterator[list[LogLine]]:
    """The lines of `owner` after `number`, as they come, until the owner is finished and all were given.

    Yields lists in order, without a gap; an empty one now and then says that nothing happened, so that whoever
    carries them further can notice a reader who has gone.
    """
    newest = await database_sync_to_async(_newest, thread_sensitive=False)(owner)
    key = (asyncio.get_running_loop(), owner)
    tail = _tails.get(key)
    if tail is None:
        # Not beyond the log's end, where a follower may claim to be: others share this tail.
        tail = _tails[key] = _Tail(owner, min(number, newest))
        tail.task = asyncio.create_task(tail.run())
    tail.followers += 1
    try:
        while True:
            lines = tail.since(number)
            if lines is None:
                lines = await _older(owner, number)
            if lines:
                number = lines[-1].number
                yield lines
            elif tail.finished and number >= tail.last:
                return
            elif not await _grown(tail):
                yield []
    finally:
        tail.followers -= 1
        if not tail.followers:
            _tails.pop(key, None)
            if tail.task:
                tail.task.cancel()


async def _older(owner: str, number: int) -> list[LogLine]:
    """What the tail no longer keeps. None of it while the database is away."""
    try:
        return await database_sync_to_async(after, thread_sensitive=False)(owner, number, BATCH)
    except (OperationalError, InterfaceError) as error:
        logger.info("the log of %s waits for the database: %s", owner, error)
        return []


async def _grown(tail: _Tail) -> bool:
    """Whether there is more, or the end is known: waits some seconds for it. Asked in one go with `since`."""
    if tail.task and tail.task.done():
        tail.task.result()  # a tail that broke takes its followers with it: they connect again
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_ANYWAY_SECONDS * 2):
            await tail.grown.wait()
            return True
    return False


def _look(owner: str, number: int) -> tuple[bool, list[LogLine]]:
    finished = _is_finished(owner)
    return finished, after(owner, number, BATCH)


def _newest(owner: str) -> int:
    return LogLine.objects.filter(owner=owner).aggregate(newest=Max("number"))["newest"] or 0


def _is_finished(owner: str) -> bool:
    """Also true of an owner that is gone."""
    model: type[Build] | type[Rollout] = Rollout if owner.startswith("rollout-") else Build
    return not model.unfinished().filter(pk=owner.removeprefix("rollout-")).exists()
