"""The log of one process, read on from where it was read to, however often the connection breaks.

A line is known by its time in the cluster and its place among those of the same time: where a stream breaks, it is read
again from that second, and what has come before is left out.
"""

import threading
from collections.abc import Iterator
from typing import NamedTuple

from releases.clients.cluster import Cluster
from releases.clients.streams import LogLines
from releases.pipeline import manifests


class Position(NamedTuple):
    """Of a line: its time as the cluster wrote it, nine digits after the second, and its place among those of it."""

    time: str = ""
    place: int = -1


BEGINNING = Position()
Entry = tuple[Position, str]


class PodLog:
    """`position`: that of the last line that was taken; it and what comes before it are never given again."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, position: Position = BEGINNING) -> None:
        self.cluster, self.namespace, self.pod, self.position = cluster, namespace, pod, position
        self.closed = False
        self.stream: LogLines | None = None
        self.lock = threading.Lock()

    def lines(self, *, follow: bool, previous: bool = False) -> Iterator[Entry]:
        """What is new, over one connection; with `follow` until the container has ended or the stream does.

        `previous`: of the run before this one. Raises NotFound, Refused (it has not begun), ClusterUnavailable.
        """
        last, place = "", 0
        resumed: Position | None = self.position
        for time, text in self._open(follow=follow, previous=previous):
            place = place + 1 if time == last else 0
            last = time
            here = Position(time, place)
            # What is behind the place where we stopped is new, even if two streams of a program were written down in
            # another order than they were timed.
            if resumed is not None and here <= resumed:
                continue
            resumed = None
            yield here, text
            self.position = max(self.position, here)  # once it was taken: what was not is given again

    def close(self) -> None:
        """From any thread: a stream that is read ends, and one that follows is not opened again."""
        with self.lock:
            self.closed = True
            if self.stream is not None:
                self.stream.close()

    def _open(self, *, follow: bool, previous: bool) -> LogLines:
        stream = self.cluster.follow_log(
            self.namespace,
            self.pod,
            container=manifests.CONTAINER,
            since=self.position.time,
            follow=follow,
            previous=previous,
        )
        with self.lock:
            self.stream = stream
            if self.closed and follow:
                stream.close()
        return stream
