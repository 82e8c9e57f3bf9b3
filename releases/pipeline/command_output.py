"""What a command writes, told while it writes: no line missing, none twice, also after a change of workers."""

import queue
import threading
from collections.abc import Iterator

from releases.clients.cluster import Cluster
from releases.errors import ClusterError
from releases.logs import Line
from releases.models import LogLine, Rollout
from releases.pipeline import manifests
from releases.pipeline.pod_log import BEGINNING, Entry, PodLog, Position

STREAM = "release-command"
WAITING_LINES = 2000  # read ahead of what is told; beyond this the reader waits
BATCH = 1000
CLOSING_SECONDS = 5.0
PAUSES = (0.1, 0.3, 1.0)


class Output:
    """Follows the log of a pod in a thread of its own.

    It must not wake anybody where nothing is new: who is woken again and again never finds the cluster silent.
    `ended`: a stream has come to its end by itself, as it does when the container ends.
    """

    def __init__(self, log: PodLog, woken: threading.Event) -> None:
        self.log, self.woken = log, woken
        self.ended = threading.Event()
        self.read: queue.Queue[Entry] = queue.Queue(WAITING_LINES)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._follow, name=f"output-{log.pod}", daemon=True)
        self.thread.start()

    def entries(self) -> list[Entry]:
        """What has come since the last call; a part of it when that is much."""
        found: list[Entry] = []
        while len(found) < BATCH:
            try:
                found.append(self.read.get_nowait())
            except queue.Empty:
                break
        return found

    def rest(self) -> Iterator[list[Entry]]:
        """All that is left of a container that has ended, in parts. Raises ClusterError."""
        self.close()
        while batch := self.entries():
            yield batch
        batch = []
        for entry in self.log.lines(follow=False):
            batch.append(entry)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    def close(self) -> None:
        self.stopped.set()
        self.log.close()
        self.thread.join(CLOSING_SECONDS)

    def _follow(self) -> None:
        failures = 0
        while not self.stopped.is_set():
            try:
                for entry in self.log.lines(follow=True):
                    failures = 0
                    if not self._put(entry):
                        return
                    self.woken.set()
                if not self.ended.is_set():
                    self.ended.set()
                    self.woken.set()
            except ClusterError:
                pass  # not begun yet, or the connection is lost: who watches the Job says what is to be said
            self.stopped.wait(PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1

    def _put(self, entry: Entry) -> bool:
        while not self.stopped.is_set():
            try:
                self.read.put(entry, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False


def lines(entries: list[Entry]) -> list[Line]:
    """For a rollout's log, each with its source key, from which `_last_told` reads where to go on."""
    return [Line(STREAM, text, source_key=f"output {position.time} {position.place}") for position, text in entries]


def of_rollout(rollout: Rollout, cluster: Cluster, pod: str, woken: threading.Event) -> Output:
    """That of its release command, from where its log has it."""
    return Output(PodLog(cluster, rollout.app.namespace, pod, _last_told(rollout)), woken)


def last_lines(cluster: Cluster, namespace: str, pod: str, count: int) -> list[str]:
    """Raises ClusterError."""
    return cluster.log(
        namespace, pod, container=manifests.CONTAINER, tail=count, previous=False, seconds=CLOSING_SECONDS
    )


def _last_told(rollout: Rollout) -> Position:
    """Of the last line that is stored, from its source key."""
    told = LogLine.objects.filter(owner=rollout.owner, stream=STREAM).order_by("-number")
    key = told.values_list("source_key", flat=True).first() or ""
    if not key.startswith("output "):
        return BEGINNING
    _, time, place = key.split(" ")
    return Position(time, int(place))
