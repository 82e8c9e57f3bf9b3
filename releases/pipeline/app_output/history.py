"""What is there to read now, of several processes in the order of time."""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from releases import logs
from releases.clients.cluster import Cluster
from releases.errors import NotAllowed, NotFound, Refused
from releases.pipeline import manifests, processes
from releases.pipeline.app_output.spoken import Choice, Spoken, of
from releases.pipeline.pod_log import BEGINNING, Entry, PodLog, Position

Object = dict[str, Any]
AT_ONCE = 100
# Of the last lines of one process that are held until all are read: programs may write very long ones.
HELD_CHARACTERS = 4 * 1024**2


class History:
    """`seen`: pod uid → position of the newest line that was there, whether it was wanted or not; right at the end."""

    def __init__(self, cluster: Cluster, pods: list[Object], mask: logs.Mask) -> None:
        """Raises NotAllowed: too many at once."""
        if len(pods) > AT_ONCE:
            raise NotAllowed(f"{len(pods)} processes are too many to be read at once: name a service or a process.")
        self.cluster, self.pods, self.mask = cluster, pods, mask
        self.seen: dict[str, Position] = {}

    def read(self, choice: Choice) -> Iterator[Spoken]:
        """Raises ClusterUnavailable."""
        if choice.lines is not None:
            yield from self._last(choice.lines, choice.since)
        else:
            yield from self._merged({processes.uid(pod): Position(choice.since) for pod in self.pods})

    def read_on(self, seen: Mapping[str, Position], since: str) -> Iterator[Spoken]:
        """What has come behind the positions in `seen`; of other processes all `since`. Raises ClusterUnavailable."""
        begun = Position(since)
        yield from self._merged({processes.uid(pod): seen.get(processes.uid(pod), begun) for pod in self.pods})

    # --- All --------------------------------------------------------------------------------------------------------

    def _merged(self, positions: dict[str, Position]) -> Iterator[Spoken]:
        found = [self._of(pod, positions[processes.uid(pod)]) for pod in self.pods]
        yield from heapq.merge(*found, key=lambda said: said.time)

    def _of(self, pod: Object, position: Position) -> Iterator[Spoken]:
        log = PodLog(self.cluster, pod["metadata"]["namespace"], processes.name(pod), position)
        for here, text in chain(_entries(log, pod, previous=True), _entries(log, pod, previous=False)):
            self._saw(pod, here)
            yield of(pod, here, text, self.mask)

    def _saw(self, pod: Object, here: Position) -> None:
        uid = processes.uid(pod)
        self.seen[uid] = max(self.seen.get(uid, BEGINNING), here)

    # --- The last ones ----------------------------------------------------------------------------------------------

    def _last(self, count: int, since: str) -> list[Spoken]:
        lines = [said for pod in self.pods for said in self._last_of(pod, count)]
        lines = [said for said in lines if said.time >= since]
        return sorted(lines, key=lambda said: said.time)[len(lines) - min(count, len(lines)) :]

    def _last_of(self, pod: Object, count: int) -> list[Spoken]:
        held = last_entries(self.cluster, pod, max(count, 1))
        if held:
            self._saw(pod, held[-1][0])
        if len(held) < count:
            before = last_entries(self.cluster, pod, count - len(held), previous=True)
            held = [entry for entry in before if not held or entry[0].time < held[0][0].time] + held
        return [of(pod, here, text, self.mask) for here, text in held]


def last_entries(cluster: Cluster, pod: Object, count: int, *, previous: bool = False) -> list[Entry]:
    """The last `count` lines of a process (fewer, when they are long). The position of the last one is exact."""
    if previous and not _has_previous(pod):
        return []
    namespace, name = pod["metadata"]["namespace"], processes.name(pod)
    held: deque[Entry] = deque()
    characters, last, place = 0, "", 0
    with suppress(NotFound, Refused):  # it has not begun, or is gone by now
        for time, text in cluster.follow_log(
            namespace, name, container=manifests.CONTAINER, tail=count, follow=False, previous=previous
        ):
            place = place + 1 if time == last else 0
            last = time
            held.append((Position(time, place), text))
            characters += len(text)
            while characters > HELD_CHARACTERS and len(held) > 1:
                characters -= len(held.popleft()[1])
    if not held or previous or held[0][0].time != last:
        return list(held)
    # All of one instant: there may have been more of it before them.
    exact = _last_place(cluster, namespace, name, last)
    return [*list(held)[:-1], (max(exact, held[-1][0]), held[-1][1])]


def _last_place(cluster: Cluster, namespace: str, name: str, time: str) -> Position:
    found = Position(time)
    for here, _ in PodLog(cluster, namespace, name, found).lines(follow=False):
        if here.time != time:
            break
        found = here
    return found


def _entries(log: PodLog, pod: Object, *, previous: bool) -> Iterator[Entry]:
    if not previous or _has_previous(pod):
        with suppress(NotFound, Refused):  # it has not begun, or is gone by now
            yield from log.lines(follow=False, previous=previous)


def _has_previous(pod: Object) -> bool:
    return bool(processes.container(pod).get("restartCount"))
