"""Watches: what changes, to everybody who asked (Kubernetes API concepts, "Efficient detection of changes")."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from itertools import chain
from typing import Any

from localcluster.errors import Expired
from localcluster.server import tables
from localcluster.server.messages import Object, Request
from localcluster.server.options import check_watch, version
from localcluster.store.history import Change
from localcluster.store.resources import Kind
from localcluster.store.selectors import Selector, parse_fields
from localcluster.store.store import Store

BOOKMARK_INTERVAL = 60.0
"""Seconds, as the API server's."""

_QUEUE = 1000
_SHORTEST, _LONGEST = 1800, 3600
_TOO_OLD = "The resourceVersion for the provided watch is too old."


_POD: Object = {"spec": {"containers": None}}
_TEMPLATE: Object = {"metadata": {}, **_POD}
_EMPTY: dict[str, Object] = {
    "Deployment": {
        "spec": {"replicas": 0, "selector": None, "template": _TEMPLATE, "strategy": {}},
        "status": {},
    },
    "EndpointSlice": {"addressType": "", "endpoints": None, "ports": None},
    "Event": {
        "involvedObject": {},
        "source": {},
        **dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime")),
        "reportingComponent": "",
        "reportingInstance": "",
    },
    "Job": {"spec": {"template": _TEMPLATE}, "status": {}},
    "Pod": {**_POD, "status": {}},
    "ReplicaSet": {"spec": {"replicas": 0, "selector": None, "template": _TEMPLATE}, "status": {"replicas": 0}},
    "Service": {"spec": {}, "status": {"loadBalancer": {}}},
}
"""What a bookmark carries of an object of a kind: what is written even when nothing is in it (recordings)."""


class Watcher:
    """One stream. `offer` never waits: a client that does not keep up loses its stream, and lists again."""

    def __init__(self, store: Store, request: Request, kind: Kind, namespace: str | None) -> None:
        self.kind = kind
        self._store, self._namespace = store, namespace
        self._labels = Selector.parse(request.query.get("labelSelector", ""))
        self._has_labels = bool(self._labels.requirements)
        self._fields = parse_fields(kind.kind, text) if (text := request.query.get("fieldSelector", "")) else None
        self._encode = _encoder(kind, request)
        self._bookmarks = request.flag("allowWatchBookmarks")
        check_watch(request)
        self._from = version(request)
        # Without a version, the end of the present state is told to whoever takes bookmarks.
        self._tells_end = request.flag("sendInitialEvents") or (self._bookmarks and self._from is None)
        timeout = request.number("timeoutSeconds")
        self._timeout = timeout if timeout else random.uniform(_SHORTEST, _LONGEST)
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)
        self._ended = self._overflowed = False

    def offer(self, change: Change) -> None:
        """Queues a change if it concerns this watch."""
        line = self._line(change)
        if line is None or self._ended:
            return
        try:
            self._queue.put_nowait(line)
        except asyncio.QueueFull:
            self._overflowed = self._ended = True

    def end(self) -> None:
        """Ends the stream after what is queued."""
        self._ended = True
        if not self._queue.full():
            self._queue.put_nowait(None)

    def begin(self) -> list[bytes]:
        """The lines that come first: the present state, or what has changed since a version. Raises Expired."""
        if self._from:
            return self._since(self._from)
        present = [obj for obj in self._store.list(self.kind.kind, self._namespace, self._labels) if self._wants(obj)]
        lines = [self._encode("ADDED", obj, None) for obj in present]
        if self._tells_end:
            lines.append(self._bookmark({"annotations": {"k8s.io/initial-events-end": "true"}}))
        return lines

    def _since(self, revision: int) -> list[bytes]:
        try:
            return [line for change in self._store.history.since(revision) if (line := self._line(change))]
        except Expired:
            if self.kind.kind == "Event":  # which no watch cache serves in a real cluster
                raise Expired(_TOO_OLD) from None
            raise

    async def lines(self, first: list[bytes]) -> AsyncIterator[bytes]:
        """The stream: `first`, then changes as they come, bookmarks in quiet times, until the time is up."""
        if first:
            yield b"".join(first)
        deadline = time.monotonic() + self._timeout
        bookmark_at = time.monotonic() + BOOKMARK_INTERVAL
        while not (self._ended and self._queue.empty()):
            wait = min(deadline, bookmark_at) - time.monotonic()
            batch = await self._batch(wait) if wait > 0 else []
            if batch:
                yield b"".join(batch)
            elif time.monotonic() >= deadline:
                break
            elif time.monotonic() >= bookmark_at:
                bookmark_at = time.monotonic() + BOOKMARK_INTERVAL
                if self._bookmarks:
                    yield self._bookmark({})
        if self._overflowed:
            yield error_line(Expired(_TOO_OLD))

    async def _batch(self, seconds: float) -> list[bytes]:
        """What is queued, after waiting for something at most so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                batch = [await self._queue.get()]
        except TimeoutError:
            return []
        while not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return [line for line in batch if line is not None]

    def _line(self, change: Change) -> bytes | None:
        if change.kind != self.kind.kind:
            return None
        if self._namespace and change.object["metadata"].get("namespace") != self._namespace:
            return None
        if self._from and change.revision <= self._from:
            return None
        if not self._has_labels and self._fields is None:
            return self._encode(change.type, change.object, change)
        return self._selected_line(change)

    def _selected_line(self, change: Change) -> bytes | None:
        """An object that comes to match is ADDED, one that no longer matches is DELETED."""
        was = change.before is not None and self._wants(change.before)
        is_ = change.type != "DELETED" and self._wants(change.object)
        if was and is_:
            return self._encode("MODIFIED", change.object, change)
        if is_:
            return self._encode("ADDED", change.object, change)
        if not was or change.before is None:
            return None
        meta = {**change.before["metadata"], "resourceVersion": str(change.revision)}
        return self._encode("DELETED", {**change.before, "metadata": meta}, None)

    def _wants(self, obj: Object) -> bool:
        return self._labels.matches(obj["metadata"].get("labels")) and (self._fields is None or self._fields(obj))

    def _bookmark(self, metadata: Object) -> bytes:
        meta = {"resourceVersion": str(self._store.revision), **metadata}
        bookmark = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": meta}
        return _event("BOOKMARK", _dump(bookmark | _EMPTY.get(self.kind.kind, {})))


class Watchers:
    """All watches, by kind, so that a change reaches only those whom it may concern."""

    def __init__(self, store: Store) -> None:
        self._by_kind: dict[str, set[Watcher]] = {}
        self._unsubscribe = store.subscribe_changes(self._tell)

    def add(self, watcher: Watcher) -> None:
        self._by_kind.setdefault(watcher.kind.kind, set()).add(watcher)

    def remove(self, watcher: Watcher) -> None:
        self._by_kind.get(watcher.kind.kind, set()).discard(watcher)

    def close(self) -> None:
        """Ends all streams."""
        self._unsubscribe()
        for watcher in chain.from_iterable(self._by_kind.values()):
            watcher.end()

    def _tell(self, change: Change) -> None:
        for watcher in self._by_kind.get(change.kind, ()):
            watcher.offer(change)


Encoder = Callable[[str, Object, Change | None], bytes]


def _encoder(kind: Kind, request: Request) -> Encoder:
    form = request.accept.form
    include = request.query.get("includeObject", "")
    if form == "Table":
        return lambda type_, obj, _: _event(type_, _dump(tables.table(kind.kind, [obj], {}, include)))
    if form:
        return lambda type_, obj, _: _event(type_, _dump(tables.partial(obj)))
    return _plain


def _plain(type_: str, obj: Object, change: Change | None) -> bytes:
    if change is None:
        return _event(type_, _dump(obj))
    return change.event if change.type == type_ else _event(type_, change.encoded)


def _dump(obj: Any) -> bytes:
    return json.dumps(obj, separators=(",", ":")).encode()


def _event(type_: str, encoded: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (type_.encode(), encoded)


def error_line(error: Expired) -> bytes:
    """A refusal inside a stream."""
    return _event("ERROR", _dump(error.body()))
