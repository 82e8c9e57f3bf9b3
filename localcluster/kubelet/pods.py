"""Pods: what a pod's object says. Pure but for the clock."""

from datetime import UTC, datetime
from typing import Any

from localcluster import clock

HOST_IP = "127.0.0.1"
NODE = "localcluster"
DEFAULT_GRACE = 30

Object = dict[str, Any]


def condition(pod: Object, type_: str) -> Object | None:
    for found in (pod.get("status") or {}).get("conditions") or []:
        if found["type"] == type_:
            return found
    return None


def is_ready(pod: Object) -> bool:
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def phase(pod: Object) -> str:
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_finished(pod: Object) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def is_terminating(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted: counts as a replica."""
    return not is_finished(pod) and not is_terminating(pod)


def serves(pod: Object) -> bool:
    """Whether new requests may go to it."""
    return is_ready(pod) and is_active(pod)


def grace(pod: Object) -> float:
    """Seconds between SIGTERM and SIGKILL."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    return own_grace(pod) if asked is None else float(asked)


def own_grace(pod: Object) -> float:
    """The same, as the pod itself states it."""
    stated = pod["spec"].get("terminationGracePeriodSeconds")
    return float(DEFAULT_GRACE if stated is None else stated)


def active_seconds_left(pod: Object) -> float | None:
    """Seconds until activeDeadlineSeconds have passed since its start; None without a deadline."""
    seconds, started = pod["spec"].get("activeDeadlineSeconds"), (pod.get("status") or {}).get("startTime")
    if seconds is None or not started:
        return None
    return float(seconds) - (datetime.now(UTC) - clock.parse(started)).total_seconds()


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort (Kubernetes documentation, "Pod Quality of Service Classes")."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    stated = [container.get("resources") or {} for container in containers]
    if not any(resources.get(part) for resources in stated for part in ("limits", "requests")):
        return "BestEffort"
    for resources in stated:
        limits = resources.get("limits") or {}
        requests = {**limits, **(resources.get("requests") or {})}
        if any(not limits.get(name) or limits[name] != requests[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"
