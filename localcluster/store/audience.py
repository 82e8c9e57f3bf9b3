"""Whoever hears of changes, in the order in which they were written."""

import logging
from collections import deque
from collections.abc import Callable

from localcluster.store.history import Change

Subscriber = Callable[[Change], None]

log = logging.getLogger(__name__)


class Audience:
    """A subscriber may write: what comes of that is told when all have heard of the change before. One that fails is
    no matter to the others."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._untold: deque[Change] = deque()
        self._telling = False

    def add(self, subscriber: Subscriber) -> Callable[[], None]:
        """Gives a function that takes it out again."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber) if subscriber in self._subscribers else None

    def tell(self, change: Change) -> None:
        """Tells everybody, or, while that is going on, leaves it to whoever does it."""
        self._untold.append(change)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                change = self._untold.popleft()
                for subscriber in list(self._subscribers):
                    _call(subscriber, change)
        finally:
            self._telling = False


def _call(subscriber: Subscriber, change: Change) -> None:
    try:
        subscriber(change)
    except Exception:
        log.exception("a subscriber failed on %s of a %s", change.type, change.kind)
