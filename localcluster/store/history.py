"""What changed lately: the window from which watches are served."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from localcluster.errors import Expired


@dataclass(frozen=True)
class Change:
    """One committed write. `before` is the object as it stood, None for a creation; type is ADDED, MODIFIED or
    DELETED; `encoded` is the object as JSON, made once for the journal and all watchers."""

    revision: int
    type: str
    kind: str
    object: dict[str, Any]
    before: dict[str, Any] | None
    encoded: bytes

    @cached_property
    def event(self) -> bytes:
        """The line that most watches send of it; one for all, so that many slow ones hold it once."""
        return b'{"type":"%s","object":%s}\n' % (self.type.encode(), self.encoded)


class History:
    """The newest changes, in order: at most `count`, and as many as have `size` bytes. Before `oldest`, all is
    forgotten."""

    def __init__(self, revision: int, count: int, size: int) -> None:
        self.oldest = revision
        self._changes: deque[Change] = deque()
        self._count, self._size = count, size
        self._held = 0

    def append(self, change: Change) -> None:
        self._changes.append(change)
        self._held += len(change.encoded)
        while len(self._changes) > self._count or (self._held > self._size and len(self._changes) > 1):
            forgotten = self._changes.popleft()
            self._held -= len(forgotten.encoded)
            self.oldest = forgotten.revision

    def since(self, revision: int) -> Iterator[Change]:
        """The changes after a revision. Raises Expired (410) when some of them are forgotten."""
        if revision < self.oldest:
            raise Expired(f"too old resource version: {revision} ({self.oldest})")
        start = bisect_right(self._changes, revision, key=lambda change: change.revision)
        return islice(self._changes, start, None)
