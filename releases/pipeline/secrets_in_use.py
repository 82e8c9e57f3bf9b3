"""Which Secrets of an app's namespace somebody may still need: a process that starts again reads its own anew."""

from collections.abc import Iterator
from typing import Any

from releases.clients.cluster import Cluster
from releases.errors import NotFound

Object = dict[str, Any]
READERS = ("Pod", "Job", "CronJob", "ReplicaSet")


def read(cluster: Cluster, namespace: str) -> set[str]:
    """Names of the Secrets that a pod, Job, CronJob or scaled ReplicaSet names, whoever made it."""
    return {name for spec in specs(cluster, namespace) for name in named(spec)}


def specs(cluster: Cluster, namespace: str) -> Iterator[Object]:
    """The specifications of all pods that run, or that something may start, whoever made it."""
    for kind in READERS:
        try:
            items, _ = cluster.list_all(kind, namespace)
        except NotFound:  # a cluster without that kind
            continue
        yield from (_pod_spec(kind, item) for item in items if _may_read(kind, item))


def named(spec: Object) -> set[str]:
    """The Secrets that a pod's specification names: as variables, as volumes, for pulling images."""
    return {name for name in _names(spec) if name}


def _names(spec: Object) -> Iterator[str]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or []:
            for source in container.get("envFrom") or []:
                yield (source.get("secretRef") or {}).get("name", "")
            for variable in container.get("env") or []:
                yield ((variable.get("valueFrom") or {}).get("secretKeyRef") or {}).get("name", "")
    for volume in spec.get("volumes") or []:
        yield (volume.get("secret") or {}).get("secretName", "")
        for source in (volume.get("projected") or {}).get("sources") or []:
            yield (source.get("secret") or {}).get("name", "")
    for reference in spec.get("imagePullSecrets") or []:
        yield reference.get("name", "")


def _may_read(kind: str, item: Object) -> bool:
    """What is ending starts nothing any more, and a ReplicaSet scaled to 0 makes nothing."""
    if kind == "ReplicaSet":
        return item["spec"].get("replicas", 1) > 0
    return kind != "Pod" or "deletionTimestamp" not in item["metadata"]


def _pod_spec(kind: str, obj: Object) -> Object:
    spec = obj["spec"]
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec["template"]["spec"]
