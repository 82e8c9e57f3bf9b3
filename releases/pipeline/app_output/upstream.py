"""One reading of all processes of an app per web process, for all who follow them there."""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

from django.db import connections

from releases import logs
from releases.clients.cluster import Cluster
from releases.clients.streams import Watch
from releases.errors import ClusterError, Expired
from releases.models import App
from releases.pipeline import manifests, processes
from releases.pipeline.app_output import masking
from releases.pipeline.app_output.history import AT_ONCE
from releases.pipeline.app_output.reader import Reader
from releases.pipeline.app_output.spoken import Spoken, is_output, of, own_words, passing
from releases.pipeline.pod_log import Entry
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
Object = dict[str, Any]
WAITING_LINES = 10_000
# Lines of different processes that come within this time are put into the order of their own times.
ORDERED_WITHIN_SECONDS = 0.15
KEPT_LINES, KEPT_BYTES = 5000, 8 * 1024**2
TROUBLE_WORTH_A_LINE_SECONDS = 2.0
BACK_OFF_SECONDS = (0.1, 0.5, 1, 2, 5)
SETTLED_SECONDS = 10.0


class Upstream:
    """Reads in threads, and keeps the newest lines in the loop's for those who follow.

    A follower knows the number of the last line that it has (`last` when it comes), and asks for what is `since` that.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.lines: deque[Spoken] = deque()
        self.last = self.bytes = self.followers = 0
        self.grown = asyncio.Condition()
        self.ready = asyncio.Event()
        self.read: queue.Queue[tuple[Object, Entry]] = queue.Queue(WAITING_LINES)
        self.readers: dict[str, Reader] = {}
        self.known: set[str] = set()  # uids of processes whose output is read, was, or is history
        self.releases: set[str] = set()
        self.mask = logs.Mask()
        self.watch: Watch | None = None
        self.stopped = threading.Event()
        self.trouble_since: float | None = None
        self.told_trouble = self.told_crowd = False
        for work in (self._discover, self._order):
            name = f"output-{app.name}-{work.__name__[1:]}"
            threading.Thread(target=work, name=name, daemon=True).start()

    # --- In the loop ------------------------------------------------------------------------------------------------

    def since(self, number: int) -> list[Spoken] | None:
        """The lines after that number; None when some of them are no longer kept."""
        missing = self.last - number
        if missing > len(self.lines):
            return None
        return list(islice(reversed(self.lines), missing))[::-1]

    async def wait(self, number: int, seconds: float) -> None:
        """Until there is more than `number`, at most so long."""
        async with self.grown:
            if self.last <= number:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.grown.wait(), seconds)

    async def _take(self, lines: list[Spoken]) -> None:
        async with self.grown:
            self.lines.extend(lines)
            self.last += len(lines)
            self.bytes += sum(len(said.encoded) for said in lines)
            while len(self.lines) > KEPT_LINES or self.bytes > KEPT_BYTES:
                self.bytes -= len(self.lines.popleft().encoded)
            self.grown.notify_all()

    def close(self) -> None:
        self.stopped.set()
        if self.watch is not None:
            self.watch.close()
        for reader in list(self.readers.values()):
            reader.close()

    # --- Which processes there are: a thread ------------------------------------------------------------------------

    def _discover(self) -> None:
        failures = 0
        while not self.stopped.is_set():
            began = time.monotonic()
            try:
                cluster = cluster_of(self.app)
                since = self._list(cluster)
                self._tell_return()
                self._follow(cluster, since)
            except Expired:
                logger.debug("the watch of the processes of %s begins anew", self.app.name)
            except ClusterError as error:
                self._tell_trouble(error)
            except Exception:
                logger.exception("looking for the processes of %s failed", self.app.name)
            finally:
                connections.close_all()
            failures = 0 if time.monotonic() - began > SETTLED_SECONDS else failures + 1
            self.stopped.wait(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
        self.close()

    def _list(self, cluster: Cluster) -> str:
        """All that is there is read. The first time from now on: what was before is history."""
        pods, since = cluster.list_all("Pod", self.app.namespace, labels=self._labels)
        first = not self.ready.is_set()
        for reader in self.readers.values():
            reader.log.cluster = cluster
        for uid in self.known - {processes.uid(pod) for pod in pods}:
            self._lost(uid)
        for pod in pods:
            self._saw(cluster, pod, from_now=first)
        for reader in self.readers.values() if first else []:
            while not reader.begun.wait(0.5) and not self.stopped.is_set():
                continue
        self.loop.call_soon_threadsafe(self.ready.set)
        return since

    def _follow(self, cluster: Cluster, since: str) -> None:
        while not self.stopped.is_set():
            stream = self.watch = cluster.watch("Pod", labels=self._labels, since=since)
            if self.stopped.is_set():
                stream.close()
            for change, obj in stream:
                since = obj["metadata"]["resourceVersion"]
                if change == "BOOKMARK" or obj["metadata"].get("namespace") != self.app.namespace:
                    continue
                if change == "DELETED":
                    self._lost(processes.uid(obj))
                else:
                    self._saw(cluster, obj, from_now=False)
            self.stopped.wait(BACK_OFF_SECONDS[0])

    def _saw(self, cluster: Cluster, pod: Object, *, from_now: bool) -> None:
        uid = processes.uid(pod)
        if uid in self.readers:
            self.readers[uid].saw(pod)
        if uid in self.known or not is_output(pod):
            return
        self.readers = {key: reader for key, reader in self.readers.items() if not reader.gone.is_set()}
        if len(self.readers) >= AT_ONCE:
            self._mention_crowd()
            return
        self.known.add(uid)
        if not from_now:
            self._hand([passing(pod, "has come.")])
        if not (from_now and processes.is_over(pod)):
            self._learn(pod)
            self.readers[uid] = Reader(cluster, pod, self._put, from_now=from_now)

    def _lost(self, uid: str) -> None:
        self.known.discard(uid)
        if uid in self.readers:
            if not self.readers[uid].deleted:
                self._hand([passing(self.readers[uid].pod, "is gone.")])
            self.readers[uid].is_deleted()

    def _mention_crowd(self) -> None:
        if not self.told_crowd:
            self.told_crowd = True
            self._hand([own_words(f"More than {AT_ONCE} processes: the output of the newest ones is not shown.")])

    def _learn(self, pod: Object) -> None:
        """Whose variables its output may show: known before the first line of it is read."""
        release = processes.release(pod)
        if release not in self.releases:
            self.releases.add(release)
            self.mask = masking.of_app(self.app, self.releases)

    def _tell_trouble(self, error: ClusterError) -> None:
        self.trouble_since = self.trouble_since or time.monotonic()
        if not self.told_trouble and time.monotonic() - self.trouble_since >= TROUBLE_WORTH_A_LINE_SECONDS:
            self.told_trouble = True
            self._hand([own_words(f"Waiting for the cluster: {error.message}")])

    def _tell_return(self) -> None:
        if self.told_trouble:
            self._hand([own_words("The cluster answers again.")])
        self.told_trouble, self.trouble_since = False, None

    @property
    def _labels(self) -> str:
        return f"{manifests.OURS},{manifests.APP}={self.app.name}"

    # --- What they say: a thread puts it in order -------------------------------------------------------------------

    def _put(self, pod: Object, entry: Entry) -> bool:
        """Called by readers, which wait when nobody keeps up with them."""
        while not self.stopped.is_set():
            with suppress(queue.Full):
                self.read.put((pod, entry), timeout=0.5)
                return True
        return False

    def _order(self) -> None:
        while not self.stopped.is_set():
            with suppress(queue.Empty):
                lines = self._batch(self.read.get(timeout=1))
                lines.sort(key=lambda said: said.time)
                self._hand(lines)

    def _batch(self, first: tuple[Object, Entry]) -> list[Spoken]:
        lines, until = [self._said(first)], time.monotonic() + ORDERED_WITHIN_SECONDS
        while len(lines) < WAITING_LINES and (left := until - time.monotonic()) > 0:
            try:
                lines.append(self._said(self.read.get(timeout=left)))
            except queue.Empty:
                break
        return lines

    def _said(self, read: tuple[Object, Entry]) -> Spoken:
        pod, (position, text) = read
        return of(pod, position, text, self.mask)

    def _hand(self, lines: list[Spoken]) -> None:
        """Waits until they are taken: a loop that is busy is not buried under what it can't take."""
        handed = self._take(lines)
        try:
            taken = asyncio.run_coroutine_threadsafe(handed, self.loop)
        except RuntimeError:  # the loop is gone
            handed.close()
            self.stopped.set()
            return
        while not self.stopped.is_set():
            with suppress(TimeoutError):
                taken.result(1)
                return


_upstreams: dict[tuple[asyncio.AbstractEventLoop, int], Upstream] = {}


@asynccontextmanager
async def joined(app: App) -> AsyncIterator[Upstream]:
    """The app's, shared with all who follow it in this loop; it ends with the last of them."""
    key = (asyncio.get_running_loop(), app.pk)
    upstream = _upstreams.get(key) or _upstreams.setdefault(key, Upstream(app))
    upstream.followers += 1
    try:
        yield upstream
    finally:
        upstream.followers -= 1
        if not upstream.followers:
            _upstreams.pop(key, None)
            upstream.close()
