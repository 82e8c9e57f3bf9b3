"""Which images the processes of an app need now: one that starts again may have to pull its own anew."""

from collections.abc import Iterator
from typing import Any

from releases.clients.cluster import Cluster
from releases.pipeline import secrets_in_use

Object = dict[str, Any]


def read(cluster: Cluster, namespace: str) -> set[str]:
    """References of images that a pod, Job, CronJob or scaled ReplicaSet names. Raises ClusterError."""
    return {image for spec in secrets_in_use.specs(cluster, namespace) for image in named(spec)}


def named(spec: Object) -> Iterator[str]:
    """The images of a pod's specification."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or []:
            if image := container.get("image"):
                yield image
