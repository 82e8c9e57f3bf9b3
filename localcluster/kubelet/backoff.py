"""Delays that double with every failure, as the kubelet's: 10 s, 20 s, … up to 5 min. They outlive localcluster."""

import contextlib
import json
import time
from pathlib import Path

LONGEST = 30
"""The longest delay, in multiples of the first (300 s and 10 s)."""
HEALTHY_AFTER = 60
"""So many times the first delay without a failure, and the delays start anew (10 min)."""


class Backoff:
    """Counts failures in a file. `first` is the first delay in seconds."""

    def __init__(self, file: Path, first: float) -> None:
        self.file, self.first = file, first
        self.count, self.since = self._read()

    @property
    def delay(self) -> float:
        """Seconds to wait after so many failures; none after none."""
        return self.first * min(LONGEST, 2 ** min(self.count - 1, 10)) if self.count else 0.0

    @property
    def left(self) -> float:
        """Seconds that remain of the delay since the last failure."""
        return min(self.delay, max(0.0, self.since + self.delay - time.time()))

    def add(self) -> None:
        """Notes a failure at this moment."""
        self.count, self.since = self.count + 1, time.time()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({"count": self.count, "since": self.since}))
        new.replace(self.file)

    def reset(self) -> None:
        self.count, self.since = 0, 0.0
        self.file.unlink(missing_ok=True)

    def is_long(self, seconds: float) -> bool:
        """Whether a run of that length makes the failures before it forgotten."""
        return seconds >= self.first * HEALTHY_AFTER

    def _read(self) -> tuple[int, float]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self.file.read_text())
            return int(found["count"]), float(found["since"])
        return 0, 0.0
