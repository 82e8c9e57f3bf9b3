"""What a release command writes, told while it writes: no line missing, none twice, also after a change of workers."""

import queue
import threading
from collections.abc import Iterator

from releases.clients.cluster import Cluster
from releases.clients.streams import LogLines
from releases.errors import ClusterError
from releases.logs import Line
from releases.models import LogLine, Rollout
from releases.pipeline import manifests

STREAM = "release-command"
WAITING_LINES = 2000  # read ahead of what is told; beyond this the reader waits
BATCH = 1000
CLOSING_SECONDS = 5.0
PAUSES = (0.1, 0.3, 1.0)


class Output:
    """Follows the log of a pod in a thread of its own.

    A line is known by its time in the cluster and its place among those of the same time: where the stream breaks, it
    is read again from that second, and what has come before is left out. It must not wake anybody either: who is woken
    again and again never finds the cluster silent.
    """

    def __init__(self, rollout: Rollout, cluster: Cluster, pod: str, woken: threading.Event) -> None:
        self.cluster, self.namespace, self.pod, self.woken = cluster, rollout.app.namespace, pod, woken
        self.newest = _last_told(rollout)
        self.read: queue.Queue[Line] = queue.Queue(WAITING_LINES)
        self.stopped = threading.Event()
        self.stream: LogLines | None = None
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._follow, name=f"output-{pod}", daemon=True)
        self.thread.start()

    def lines(self) -> list[Line]:
        """What has come since the last call; a part of it when that is much."""
        found: list[Line] = []
        while len(found) < BATCH:
            try:
                found.append(self.read.get_nowait())
            except queue.Empty:
                break
        return found

    def rest(self) -> Iterator[list[Line]]:
        """All that is left of a container that has ended, in parts. Raises ClusterError."""
        self.close()
        while batch := self.lines():
            yield batch
        batch = []
        for line in self._numbered(self._open(follow=False)):
            batch.append(line)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    def close(self) -> None:
        self.stopped.set()
        with self.lock:
            if self.stream is not None:
                self.stream.close()
        self.thread.join(CLOSING_SECONDS)

    def _follow(self) -> None:
        failures = 0
        while not self.stopped.is_set():
            try:
                for line in self._numbered(self._open(follow=True)):
                    failures = 0
                    if not self._put(line):
                        return
                    self.woken.set()
            except ClusterError:
                pass  # not begun yet, or the connection is lost: who watches the Job says what is to be said
            self.stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    def _put(self, line: Line) -> bool:
        while not self.stopped.is_set():
            try:
                self.read.put(line, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def _open(self, *, follow: bool) -> LogLines:
        stream = self.cluster.follow_log(
            self.namespace, self.pod, container=manifests.CONTAINER, since=self.newest[0], follow=follow
        )
        with self.lock:
            self.stream = stream
            if self.stopped.is_set() and follow:
                stream.close()
        return stream

    def _numbered(self, stream: LogLines) -> Iterator[Line]:
        """Each new line with its source key; remembers from where to read again."""
        last, place = "", 0
        for time, text in stream:
            place = place + 1 if time == last else 0
            last = time
            if (time, place) > self.newest:
                yield Line(STREAM, text, source_key=f"output {time} {place}")
                self.newest = time, place


def last_lines(cluster: Cluster, namespace: str, pod: str, count: int) -> list[str]:
    """Raises ClusterError."""
    return cluster.log(
        namespace, pod, container=manifests.CONTAINER, tail=count, previous=False, seconds=CLOSING_SECONDS
    )


def _last_told(rollout: Rollout) -> tuple[str, int]:
    """Time and place of the last line that is stored, from its source key."""
    told = LogLine.objects.filter(owner=rollout.owner, stream=STREAM).order_by("-number")
    key = told.values_list("source_key", flat=True).first() or ""
    if not key.startswith("output "):
        return "", 0
    _, time, place = key.split(" ")
    return time, int(place)
