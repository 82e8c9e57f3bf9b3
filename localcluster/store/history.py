"""What changed lately: the window from which watches are served."""

import json
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
    DELETED."""

    revision: int
    type: str
    kind: str
    object: dict[str, Any]
    before: dict[str, Any] | None

    @cached_property
    def encoded(self) -> bytes:
        """The object as JSON, made once for all watchers."""
        return json.dumps(self.object, separators=(",", ":")).encode()


class History:
    """The newest changes, in order. What is older than `oldest` is forgotten."""

    def __init__(self, revision: int, size: int) -> None:
        self.oldest = revision
        self._changes: deque[Change] = deque()
        self._size = size

    def append(self, change: Change) -> None:
        self._changes.append(change)
        if len(self._changes) > self._size:
            self.oldest = self._changes.popleft().revision

    def since(self, revision: int) -> Iterator[Change]:
        """The changes after a revision. Raises Expired (410) when some of them are forgotten."""
        if revision < self.oldest:
            raise Expired(f"too old resource version: {revision} ({self.oldest})")
        start = bisect_right(self._changes, revision, key=lambda change: change.revision)
        return islice(self._changes, start, None)
