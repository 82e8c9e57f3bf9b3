"""What the cluster reports, mirrored: one set of watches per cluster and worker process serves all its rollouts."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from releases.clients.cluster import Cluster, Object
from releases.clients.streams import Watch
from releases.errors import ClusterError, ClusterUnavailable, Expired

logger = logging.getLogger(__name__)
DELETED_KEPT = 5000
SETTLED_SECONDS = 10.0
BACK_OFF_SECONDS = (0.05, 0.2, 0.5, 1, 2, 5)
BACK_OFF_EXPIRED = 2  # of them: a cluster that can't keep versions is listed no more often than twice a second
# An API server that starts refuses everybody until it has loaded its roles: only a refusal that lasts is one.
REFUSED_SECONDS = 10.0


@dataclass
class View:
    """The objects of one namespace as last reported. Shared with the mirror: read, never changed."""

    deployments: list[Object] = field(default_factory=list)
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)


FIELDS = {
    "Deployment": "deployments",
    "ReplicaSet": "replica_sets",
    "Pod": "pods",
    "Job": "jobs",
    "Event": "events",
}


class Mirror:
    """Lists, then watches, each kind in a thread of its own, in all namespaces; wakes who follows a namespace."""

    def __init__(self, cluster: Cluster, *, labels: str, prefix: str, patience: float = REFUSED_SECONDS) -> None:
        """`labels`: which objects are ours. Events carry no labels: those in namespaces that begin with `prefix`.

        `patience`: seconds for which a refusal counts as an absence.
        """
        self.cluster = cluster
        self.labels = labels
        self.prefix = prefix
        self.patience = patience
        self.lock = threading.Lock()
        # By kind and namespace: a look at one app must not walk through those of all the others.
        self.objects: dict[str, dict[str, dict[str, Object]]] = {kind: {} for kind in FIELDS}
        self.listed = {kind: threading.Event() for kind in FIELDS}
        self.followers: dict[str, set[threading.Event]] = defaultdict(set)
        self.problems: dict[str, tuple[ClusterError, float]] = {}  # with when it began
        self.hurry = {kind: threading.Event() for kind in FIELDS}
        self.deleted: dict[str, dict[tuple[str, str], int]] = {kind: {} for kind in FIELDS}
        self.streams: dict[str, Watch] = {}
        self.retired = False
        self.stopped = threading.Event()

    def start(self) -> None:
        for kind in FIELDS:
            threading.Thread(target=self._run, args=(kind,), name=f"watch-{kind}", daemon=True).start()

    def retire(self) -> None:
        """Stop as soon as nobody follows any more."""
        with self.lock:
            self.retired = True
            self._end_if_idle()

    @contextmanager
    def following(self, namespace: str) -> Iterator[threading.Event]:
        """An event that is set whenever something in `namespace` changed; who waits for it clears it.

        Raises ClusterUnavailable when this mirror has stopped.
        """
        woken = threading.Event()
        woken.set()
        with self.lock:
            if self.stopped.is_set():
                raise ClusterUnavailable("These watches have ended: the cluster's kubeconfig has changed.")
            self.followers[namespace].add(woken)
            self._ask_again()
        try:
            yield woken
        finally:
            with self.lock:
                self.followers[namespace].discard(woken)
                if not self.followers[namespace]:
                    del self.followers[namespace]
                self._end_if_idle()

    def view(self, namespace: str) -> View:
        """Raises ClusterUnavailable while a kind has never been listed, or its watch can't be had again; Refused."""
        for kind, event in self.listed.items():
            if not event.wait(5):
                self._raise_problem()
                raise ClusterUnavailable(f"The cluster has not listed its {kind} objects yet.")
        with self.lock:
            self._raise_problem()
        return self.seen(namespace)

    def seen(self, namespace: str) -> View:
        """As last reported, whatever stands in the way now. Waits for nothing; what is not `known` is empty."""
        with self.lock:
            found = {name: list(self.objects[kind].get(namespace, {}).values()) for kind, name in FIELDS.items()}
        return View(**found)

    @property
    def known(self) -> set[str]:
        """The kinds that have been listed."""
        return {kind for kind, event in self.listed.items() if event.is_set()}

    def reread(self, namespace: str) -> None:
        """Ask the cluster itself, after a long silence: a stream may be open and dead. Raises ClusterUnavailable."""
        for kind in FIELDS:
            items, at = self.cluster.list_all(kind, namespace, labels=self._labels(kind))
            listed = {item["metadata"]["name"]: {**item, "kind": kind} for item in items}
            with self.lock:
                # A watch may have brought something newer than this list, creations and deletions too.
                deleted = self.deleted[kind]
                listed = {name: obj for name, obj in listed.items() if _version(obj) > deleted.get(_key(obj), -1)}
                known = self.objects[kind].get(namespace, {})
                news = {name for name, obj in listed.items() if _version(obj) > _version(known.get(name))}
                gone = {name for name in known.keys() - listed.keys() if _version(known[name]) <= _number(at)}
                kept = {name: obj for name, obj in known.items() if name not in gone}
                self._shelve(kind, namespace, {**kept, **{name: listed[name] for name in news}})
                if news or gone:
                    self._wake({namespace})
                    self._reopen(kind)

    # --- One kind, for ever -----------------------------------------------------------------------------------------

    def _run(self, kind: str) -> None:
        failures = 0
        while not self.stopped.is_set():
            began, longest = time.monotonic(), len(BACK_OFF_SECONDS) - 1
            try:
                self._follow(kind, self._list(kind))
            except Expired:
                longest = BACK_OFF_EXPIRED  # nothing is wrong, and meanwhile nothing is seen
                logger.debug("the watch of %s begins anew", kind)
            except ClusterError as error:
                self._problem(kind, error)
            except Exception:
                logger.exception("watching %s failed", kind)
            # A watch that is refused at once must not list the whole cluster over and over.
            failures = 0 if time.monotonic() - began > SETTLED_SECONDS else failures + 1
            self.hurry[kind].wait(BACK_OFF_SECONDS[min(failures, longest)])
            self.hurry[kind].clear()

    def _list(self, kind: str) -> str:
        items, version = self.cluster.list_all(kind, labels=self._labels(kind))
        fresh: dict[str, dict[str, Object]] = defaultdict(dict)
        for item in items:
            if self._is_ours(kind, item):
                item.setdefault("kind", kind)  # items of a list name none
                space, name = _key(item)
                fresh[space][name] = item
        with self.lock:
            changed = fresh.keys() | self.objects[kind].keys()
            self.objects[kind] = dict(fresh)
            self._wake(changed)
        self.listed[kind].set()
        return version

    def _follow(self, kind: str, since: str) -> None:
        """Watch after watch from where the last one ended; a stream that ends is opened again."""
        barren = 0
        while not self.stopped.is_set():
            stream, before = self._stream(kind, since), since
            try:
                for change, obj in stream:
                    since = obj["metadata"]["resourceVersion"]
                    if change != "BOOKMARK" and self._is_ours(kind, obj):
                        self._store(kind, change, obj)
            except ClusterUnavailable as error:  # it broke: the cluster is away only if no other can be had
                logger.debug("the watch of %s broke: %s", kind, error.message)
            barren = barren + 1 if since == before else 0
            self.stopped.wait(BACK_OFF_SECONDS[min(barren, BACK_OFF_EXPIRED)])  # it may be refused by ending at once

    def _stream(self, kind: str, since: str) -> Watch:
        """An open watch, which ends with this mirror."""
        stream = self.cluster.watch(kind, labels=self._labels(kind), since=since)
        with self.lock:
            self.streams[kind] = stream
            if self.problems.pop(kind, None):
                self._wake(set(self.followers))
            if self.stopped.is_set():
                stream.close()
        return stream

    def _end_if_idle(self) -> None:
        """The lock is held. A quiet watch would else be noticed at its next bookmark only."""
        if self.retired and not self.followers:
            self.stopped.set()
            for kind in FIELDS:
                self.hurry[kind].set()
            for stream in self.streams.values():
                stream.close()

    def _reopen(self, kind: str) -> None:
        """The lock is held. A watch that missed something is dead, though its connection is open."""
        if kind in self.streams:
            self.streams[kind].close()

    def _store(self, kind: str, change: str, obj: Object) -> None:
        space, name = _key(obj)
        with self.lock:
            known = self.objects[kind].get(space, {})
            if change == "DELETED":
                known.pop(name, None)
                self._shelve(kind, space, known)
                if len(self.deleted[kind]) >= DELETED_KEPT:
                    self.deleted[kind].clear()
                self.deleted[kind][space, name] = _version(obj)
            else:
                self.objects[kind].setdefault(space, {})[name] = obj
            self._wake({space})

    def _shelve(self, kind: str, namespace: str, objects: dict[str, Object]) -> None:
        """The lock is held. These are all there are; of a namespace that is empty nothing is kept."""
        if objects:
            self.objects[kind][namespace] = objects
        else:
            self.objects[kind].pop(namespace, None)

    def _problem(self, kind: str, error: ClusterError) -> None:
        with self.lock:
            since = self.problems[kind][1] if kind in self.problems else time.monotonic()
            self.problems[kind] = error, since
            self._wake(set(self.followers))

    def _raise_problem(self) -> None:
        """What stands in the way: a refusal that has just begun may pass, so it is waited for like an absence."""
        for error, since in list(self.problems.values()):
            if isinstance(error, ClusterUnavailable) or time.monotonic() - since > self.patience:
                raise error
            raise ClusterUnavailable(error.message)

    def _ask_again(self) -> None:
        """The lock is held. What was refused to others may be granted by now."""
        for kind, (error, _) in self.problems.items():
            if not isinstance(error, ClusterUnavailable):
                self.listed[kind].clear()
                self.hurry[kind].set()

    def _wake(self, namespaces: Iterable[str]) -> None:
        for namespace in namespaces:
            for woken in self.followers.get(namespace, ()):
                woken.set()

    def _labels(self, kind: str) -> str:
        return "" if kind == "Event" else self.labels

    def _is_ours(self, kind: str, obj: Object) -> bool:
        return kind != "Event" or obj["metadata"].get("namespace", "").startswith(self.prefix)


def _version(obj: Object | None) -> int:
    """Versions are numbers that rise, in every cluster that we know; others are older, no object is oldest."""
    return -1 if obj is None else _number(obj["metadata"].get("resourceVersion", ""))


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
