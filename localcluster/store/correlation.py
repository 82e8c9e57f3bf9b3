"""What keeps many like Events from filling the store (client-go, tools/record: its aggregator and its spam filter).

Kept in memory only, as by the programs of a real cluster.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

SIMILAR = 10
"""From the tenth different message of the same kind about an object, they are combined."""
SIMILAR_WITHIN = 600.0
BURST, REFILL = 25.0, 300.0
"""So many Events of one source about one object at once, then one in so many seconds."""
COMBINED = "(combined from similar events): "
_REMEMBERED = 4096


@dataclass
class _Similar:
    messages: set[str] = field(default_factory=set)
    last: float = 0.0


@dataclass
class _Bucket:
    tokens: float
    at: float


class Correlator:
    """Decides which words an Event gets, and whether it is stored at all."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._similar: OrderedDict[Hashable, _Similar] = OrderedDict()
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def words(self, key: Hashable, message: str) -> str:
        """The message, or that of the Event into which it is combined. key: all of an Event but its message."""
        now = self._now()
        known = self._similar.pop(key, None)
        if known is None or now - known.last > SIMILAR_WITHIN:
            known = _Similar()
        known.messages.add(message)
        known.last = now
        _remember(self._similar, key, known)
        if len(known.messages) < SIMILAR:
            return message
        known.messages.pop()
        return COMBINED + message

    def admits(self, source: Hashable) -> bool:
        """Whether one more Event of this source about its object may be stored now."""
        now = self._now()
        bucket = self._buckets.pop(source, None) or _Bucket(BURST, now)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL)
        bucket.at = now
        _remember(self._buckets, source, bucket)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _remember(entries: OrderedDict[Hashable, Any], key: Hashable, value: Any) -> None:
    entries[key] = value
    if len(entries) > _REMEMBERED:
        entries.popitem(last=False)
