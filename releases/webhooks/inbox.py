"""Stores what was read, together with all that came while the ones before were stored."""

import asyncio
import logging
from collections.abc import Sequence

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from releases import actions
from releases.actions import Letter
from releases.errors import DeployerError
from releases.models.trouble import Trouble, trouble_of

logger = logging.getLogger(__name__)
BATCH, OPEN_SECONDS = 200, 0.25
Answer = DeployerError | Trouble | int


class Inbox:
    """Of one process."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Letter, asyncio.Future]] = []
        self.full: set[int] = set()
        self.opened_at = -OPEN_SECONDS
        self.storing: asyncio.Task | None = None
        self.opening: asyncio.Task | None = None

    async def keep(self, letter: Letter) -> Answer:
        """The number of its app when it is stored; or why it is not."""
        stored = asyncio.get_running_loop().create_future()
        self.waiting.append((letter, stored))
        if self.storing is None or self.storing.done():
            self.storing = asyncio.create_task(self._store())
        return await stored

    async def _store(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            answers = await _receive([letter for letter, _ in batch])
            for (_, stored), answer in zip(batch, answers, strict=True):
                if not stored.done():  # its sender may be gone
                    stored.set_result(answer)
            self.full |= {answer for answer in answers if isinstance(answer, int)}
            if self.full and (self.opening is None or self.opening.done()):
                self.opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        """The first is handled at once; while many come, a few times a second is enough."""
        loop = asyncio.get_running_loop()
        while self.full:
            await asyncio.sleep(max(0.0, self.opened_at + OPEN_SECONDS - loop.time()))
            full, self.full, self.opened_at = self.full, set(), loop.time()
            await database_sync_to_async(actions.open_inboxes, thread_sensitive=False)(full)


async def _receive(letters: list[Letter]) -> Sequence[Answer]:
    try:
        return await database_sync_to_async(actions.receive_deliveries, thread_sensitive=False)(letters)
    except DatabaseError as error:
        logger.warning("%s deliveries could not be kept: %s", len(letters), error)
        trouble = trouble_of(error)
    except Exception:
        logger.exception("%s deliveries could not be kept", len(letters))
        trouble = None
    return [trouble or DeployerError("Something went wrong on our side; it has been logged.")] * len(letters)
