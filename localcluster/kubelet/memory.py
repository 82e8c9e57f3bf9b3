"""Memory limits, measured: a container that needs more than its limit is killed, as the kernel does in a real cluster.

Looked at a few times a second, more often when one is near its limit. First the resident sets are added up, from one
pass over /proc; only when that exceeds a limit are the shares of shared memory counted exactly (proc(5),
smaps_rollup), without what belongs to files: the kernel would give that back before it kills.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localcluster.kubelet.process import Process

INTERVAL = 0.5
NEAR_INTERVAL = 0.1
RECENT = 0.1
"""Seconds for which one pass over /proc serves whoever asks on the event loop: about many pods in one go."""
NEAR = 0.5
"""The part of its limit above which a container is looked at more often."""
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

log = logging.getLogger("localcluster")


@dataclass(eq=False)
class Watched:
    """One container. `limit` is in bytes."""

    process: Process
    limit: int
    suspicion: int = 0
    """The sum of resident sets from which the exact number may exceed the limit."""


Found = tuple[Watched, list[int]]
"""A container and the ids of its processes."""


@dataclass(frozen=True)
class Sizes:
    """One pass over /proc: resident bytes of each process, its CPU seconds with those of ended children, and the
    children of each."""

    resident: dict[int, int]
    seconds: dict[int, float]
    children: dict[int, list[int]]

    def below(self, pid: int) -> list[int]:
        """The descendants of a process."""
        found, next_ = [], [pid]
        while next_:
            next_ = [child for parent in next_ for child in self.children.get(parent, ())]
            found += next_
        return found


class MemoryWatch:
    """All containers with a limit."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._wake = asyncio.Event()
        self._recent: tuple[float, Sizes] | None = None

    def recent(self) -> Sizes:
        """The state of all processes, at most a tenth of a second old."""
        now = time.monotonic()
        if self._recent is None or now - self._recent[0] > RECENT:
            self._recent = now, measure()
        return self._recent[1]

    @contextlib.contextmanager
    def limit(self, process: Process, limit: int | None) -> Iterator[None]:
        """Holds a process to its limit while the context lasts; None is no limit."""
        if limit is None:
            yield
            return
        watched = Watched(process, limit, suspicion=limit)
        self._watched.add(watched)
        self._wake.set()
        try:
            yield
        finally:
            self._watched.discard(watched)

    async def run(self) -> None:
        """Looks, for ever."""
        near: list[Found] = []
        while True:
            if not self._watched:
                self._wake.clear()
                await self._wake.wait()
            try:
                near = await asyncio.to_thread(self._look, list(self._watched))
                for _ in range(round(INTERVAL / NEAR_INTERVAL)):
                    await asyncio.sleep(NEAR_INTERVAL)
                    if near:
                        near = await asyncio.to_thread(self._look_again, near)
            except Exception:
                log.exception("memory could not be measured")
                await asyncio.sleep(INTERVAL)

    def _look(self, all_watched: list[Watched]) -> list[Found]:
        """Kills what exceeds its limit; gives what is near its limit."""
        sizes = measure()
        found = [(watched, sizes.below(watched.process.shim)) for watched in all_watched]
        return [
            (watched, pids)
            for watched, pids in found
            if self._judge(watched, pids, sum(sizes.resident.get(pid, 0) for pid in pids))
        ]

    def _look_again(self, near: list[Found]) -> list[Found]:
        """The same for processes that are known: what they have started since is seen by the next whole look."""
        return [(watched, pids) for watched, pids in near if self._judge(watched, pids, sum(map(resident, pids)))]

    def _judge(self, watched: Watched, pids: list[int], total: int) -> bool:
        """Kills it if it exceeds its limit; whether it is near."""
        if total > watched.suspicion:
            exact = sum(map(proportional, pids))
            if exact > watched.limit and watched in self._watched:
                watched.process.kill_over_memory()
            # The exact number cannot grow by more than the sum does.
            watched.suspicion = total + max(0, watched.limit - exact)
        elif total < watched.limit:
            watched.suspicion = watched.limit
        return total > watched.limit * NEAR


def measure() -> Sizes:
    """Reads the state of all processes (proc(5), stat)."""
    resident: dict[int, int] = {}
    seconds: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        pid = int(name)
        resident[pid] = int(fields[21]) * PAGE
        seconds[pid] = sum(int(ticks) for ticks in fields[11:15]) / TICKS
        children[int(fields[1])].append(pid)
    return Sizes(resident, seconds, children)


def proportional(pid: int) -> int:
    """Bytes of anonymous and shared memory, what is shared divided by the number of its sharers."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return _unshared(pid)
    lines = (line.split() for line in text.splitlines()[1:])
    found = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
    if "Pss_Anon" in found:
        return found["Pss_Anon"] + found.get("Pss_Shmem", 0)
    return found.get("Pss", 0)


def resident(pid: int) -> int:
    """Bytes of the resident set (proc(5), statm)."""
    return _statm(pid)[0] * PAGE


def _unshared(pid: int) -> int:
    """For a process whose maps may not be read: resident pages without those that others may share."""
    here, shared = _statm(pid)
    return (here - shared) * PAGE


def _statm(pid: int) -> tuple[int, int]:
    """Resident pages, and those of them that others may share; none of a process that is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, here, shared = file.read().split()[:3]
    except (OSError, ValueError):
        return 0, 0
    return int(here), int(shared)
