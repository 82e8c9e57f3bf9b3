"""The work queue that every controller runs on: keys go in when objects change, and are reconciled one at a time."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from localcluster.errors import StatusError
from localcluster.store.store import Store

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace ("" for what has none) and name."""

FIRST_RETRY = 0.0025  # doubled once before it is used: 5 ms, as client-go
LAST_RETRY = 30.0

log = logging.getLogger("localcluster")


class Controller:
    """Base of all controllers. A subclass says which keys a change concerns, and what to do about a key."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._pending: dict[Key, None] = {}
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        """The keys to look at because an object was added, changed or deleted."""
        raise NotImplementedError

    def initial(self) -> Iterable[Key]:
        """The keys to look at when localcluster starts."""
        raise NotImplementedError

    def reconcile(self, namespace: str, name: str) -> float | None:
        """One step towards what is asked for; gives the seconds after which to look again, if time matters."""
        raise NotImplementedError

    def observe(self, _type: str, kind: str, obj: Object) -> None:
        for key in self.concerns(kind, obj):
            self.enqueue(key)

    def enqueue(self, key: Key) -> None:
        self._pending[key] = None
        self._wake.set()

    async def run(self) -> None:
        for key in self.initial():
            self.enqueue(key)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                key = next(iter(self._pending))
                del self._pending[key]
                self._step(key)
                await asyncio.sleep(0)  # the API and the door are served in between

    def _step(self, key: Key) -> None:
        try:
            again = self.reconcile(*key)
        except Exception as error:
            # A refusal or a conflict is ordinary; anything else is our fault and is logged whole. Both are tried again.
            if not isinstance(error, StatusError):
                log.exception("%s failed on %s/%s", type(self).__name__, *key)
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            again = min(LAST_RETRY, FIRST_RETRY * 2**failures)
        else:
            self._failures.pop(key, None)
        self._schedule(key, again)

    def _schedule(self, key: Key, seconds: float | None) -> None:
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if seconds is not None:
            self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._due, key)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.enqueue(key)


def key_of(obj: Object) -> Key:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]
