"""Follows one process, in a thread of its own, over broken connections and restarts of its container."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from releases.clients.cluster import Cluster
from releases.errors import ClusterError, ClusterUnavailable, NotFound, Refused
from releases.pipeline import processes
from releases.pipeline.app_output.history import last_entries
from releases.pipeline.pod_log import Entry, PodLog

logger = logging.getLogger(__name__)
Object = dict[str, Any]
# Between two connections; any change of the process ends the pause.
PAUSES = (0.1, 0.3, 1.0, 5.0)


class Reader:
    """`put(pod, entry)` takes each line, and is False when nobody wants any more.

    `begun`: from here on no line is missed. `gone`: it is over, and its log was read to the end.
    """

    def __init__(self, cluster: Cluster, pod: Object, put: Callable[[Object, Entry], bool], *, from_now: bool) -> None:
        """`from_now`: what it has written before is left out."""
        self.log = PodLog(cluster, pod["metadata"]["namespace"], processes.name(pod))
        self.pod, self.put, self.from_now = pod, put, from_now
        self.deleted = False
        self.begun, self.gone, self.stopped, self.changed = (threading.Event() for _ in range(4))
        if not from_now:
            self.begun.set()
        name = f"reads-{processes.name(pod)}"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def saw(self, pod: Object) -> None:
        """The process has changed: its container may have been started again."""
        self.pod = pod
        self.changed.set()

    def is_deleted(self) -> None:
        """The process is no longer there: what is left of its log is read, if it can be."""
        self.deleted = True
        self.changed.set()

    def close(self) -> None:
        self.stopped.set()
        self.log.close()
        self.changed.set()

    def _run(self) -> None:
        try:
            self._begin()
            self._follow()
        except Exception:
            logger.exception("reading %s failed", self.log.pod)
        finally:
            self.begun.set()
            self.gone.set()

    def _begin(self) -> None:
        while self.from_now and not self.stopped.is_set():
            try:
                if held := last_entries(self.log.cluster, self.pod, 1):
                    self.log.position = held[-1][0]
                return self.begun.set()
            except ClusterError as error:
                logger.debug("%s can't be read yet: %s", self.log.pod, error.message)
                self.stopped.wait(PAUSES[2])
        return None

    def _follow(self) -> None:
        barren, restarts = 0, _restarts(self.pod)
        while not self.stopped.is_set():
            before, whole = self.log.position, False
            try:
                if _restarts(self.pod) != restarts:
                    restarts = _restarts(self.pod)
                    self._take(previous=True)
                self._take(previous=False)
                whole = True
            except NotFound:
                if self.deleted:
                    return
            except (ClusterUnavailable, Refused) as error:  # away, or its container has not begun
                logger.debug("%s: %s", self.log.pod, error.message)
            if whole and processes.is_over(self.pod) and self.log.position == before:
                return
            barren = 0 if self.log.position != before else barren + 1
            self.changed.wait(PAUSES[min(barren, len(PAUSES) - 1)])
            self.changed.clear()

    def _take(self, *, previous: bool) -> None:
        """What is new, until the stream ends. Of an earlier run only what the cluster still has."""
        try:
            for entry in self.log.lines(follow=not previous, previous=previous):
                if not self.put(self.pod, entry):
                    return
        except (NotFound, Refused):
            if not previous:
                raise


def _restarts(pod: Object) -> int:
    return processes.container(pod).get("restartCount") or 0
