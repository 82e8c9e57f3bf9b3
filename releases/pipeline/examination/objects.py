"""Read the objects of a namespace, all kinds side by side, each bounded in number and size and all in time."""

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from releases.clients.cluster import RESOURCES, Cluster
from releases.errors import ClusterError, ClusterUnavailable, NotFound
from releases.pipeline import event_log

Object = dict[str, Any]
FIELDS = {
    "Event": "events",
    "Pod": "pods",
    "Deployment": "deployments",
    "ReplicaSet": "replica_sets",
    "Job": "jobs",
    "Service": "services",
    "Ingress": "ingresses",
    "HorizontalPodAutoscaler": "autoscalers",
    "PodDisruptionBudget": "budgets",
    "PersistentVolumeClaim": "claims",
}
OBJECTS_MAX, BYTES_MAX = 10_000, 48 * 1024**2
EVENTS_KEPT = 5000
SECONDS = 8.0
NOT_YET = "it did not come in time"


@dataclass
class Objects:
    """`lists`: by the fields of Reported. `left`: kind → how many there are that were not read or kept. `failed`:
    kind → why it could not be read."""

    lists: dict[str, Any] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    failed: dict[str, ClusterError] = field(default_factory=dict)

    @property
    def unreachable(self) -> ClusterUnavailable | None:
        """Why nothing at all could be read."""
        away = [error for error in self.failed.values() if isinstance(error, ClusterUnavailable)]
        return away[0] if len(away) == len(FIELDS) else None

    @property
    def unread(self) -> dict[str, str]:
        return {kind: _why(error) for kind, error in self.failed.items()}

    @property
    def missing_rights(self) -> list[str]:
        return [f"list {RESOURCES[kind].plural}" for kind, error in self.failed.items() if error.status == 403]


def read(cluster: Cluster, namespace: str) -> Objects:
    """Never raises for what the cluster does; takes no longer than SECONDS."""
    pool = ThreadPoolExecutor(len(FIELDS), thread_name_prefix="examine")
    try:
        asked = {
            kind: pool.submit(cluster.list_some, kind, namespace, objects=OBJECTS_MAX, size=BYTES_MAX, seconds=SECONDS)
            for kind in FIELDS
        }
        wait(asked.values(), SECONDS)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    found = Objects()
    for kind, future in asked.items():
        _take(found, kind, future)
    return found


def _take(found: Objects, kind: str, future: Future) -> None:
    try:
        items, left = future.result(timeout=0)
    except ClusterError as error:
        found.failed[kind] = error
        return
    except (TimeoutError, CancelledError):
        found.failed[kind] = ClusterUnavailable(NOT_YET)
        return
    if kind == "Event" and len(items) > EVENTS_KEPT:
        left += len(items) - EVENTS_KEPT
        items = sorted(items, key=told_at)[-EVENTS_KEPT:]
    for item in items:
        item.setdefault("kind", kind)  # items of a list name none
    found.lists[FIELDS[kind]] = items
    if left:
        found.left[kind] = left


def told_at(event: Object) -> str:
    try:
        return event_log.when(event)[0]
    except (TypeError, KeyError, AttributeError):
        return ""


def _why(error: ClusterError) -> str:
    if error.status == 403:
        return f"forbidden: {error.message}"
    return f"the cluster does not know the kind: {error.message}" if isinstance(error, NotFound) else error.message
