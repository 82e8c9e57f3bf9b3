"""The last lines of one run of a container, though the cluster may go on to the next run while it is asked.

It names only two of them, the present one and the one before. Of a run that was seen to have ended, the present log is
that of another as soon as the container is restarted: the first time at once.
"""

from typing import Any

from releases.clients.cluster import LOG_BYTES, Cluster
from releases.errors import ClusterError
from releases.pipeline import processes
from releases.pipeline.diagnosis import Reported
from releases.pipeline.diagnosis.shapes import tamed

Object = dict[str, Any]
POD_BYTES = 1024 * 1024


def of_run(
    cluster: Cluster,
    namespace: str,
    pod: Object,
    container: str,
    *,
    previous: bool,
    tail: int,
    seconds: float,
    size: int = LOG_BYTES,
) -> list[str]:
    """At most `tail` lines and `size` bytes of the run that is the present one in `pod`, as that was seen, or of the
    `previous` one. Each request may take `seconds`. Raises ClusterError."""

    def last(*, previous: bool) -> list[str]:
        return cluster.log(
            namespace, name, container=container, tail=tail, previous=previous, seconds=seconds, size=size
        )

    name, ended = processes.name(pod), processes.ended_run(pod, container)
    lines = last(previous=previous)
    if previous or not ended or processes.is_over(pod):
        return lines
    # Looked at once the log was read: had it not gone on even then, these are the lines of that run.
    now = _now(cluster, namespace, name, seconds)
    return last(previous=True) if now and processes.ended_run(now, container) != ended else lines


def _now(cluster: Cluster, namespace: str, name: str, seconds: float) -> Object | None:
    """None where it is gone or can't be seen. By a list: that is what we may."""
    try:
        found, _ = cluster.list_some("Pod", namespace, name=name, objects=1, size=POD_BYTES, seconds=seconds)
    except ClusterError:
        return None
    return next(iter(tamed(Reported(cluster.now(), pods=found)).pods), None)
