"""The status of a Deployment: counts, and whether it gets on (pkg/controller/deployment). Pure but for the clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster import clock
from localcluster.controllers import conditions
from localcluster.controllers.rolling import Limits

Object = dict[str, Any]

NO_DEADLINE = 2**31 - 1


def deadline(deployment: Object) -> int | None:
    """progressDeadlineSeconds, None if it has none."""
    seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
    return None if seconds in (None, NO_DEADLINE) else seconds


def condition(deployment: Object) -> Object | None:
    return conditions.find(deployment.get("status") or {}, "Progressing")


def _total(sets: list[Object], field: str) -> int:
    return sum((rs.get("status") or {}).get(field, 0) for rs in sets)


def counted(deployment: Object, sets: list[Object], new: Object | None, bounds: Limits) -> Object:
    """The status with counts and Available; Progressing stays as it is. Zeroes are left out, as the API does."""
    available = _total(sets, "availableReplicas")
    wanted = sum(rs["spec"].get("replicas", 1) for rs in sets)
    old = deployment.get("status") or {}
    counts = {
        "replicas": _total(sets, "replicas"),
        "updatedReplicas": _total([new] if new else [], "replicas"),
        "readyReplicas": _total(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    status: Object = {"observedGeneration": deployment["metadata"].get("generation", 1)}
    status |= {name: number for name, number in counts.items() if number}
    status["terminatingReplicas"] = _total(sets, "terminatingReplicas")
    status["conditions"] = list(old.get("conditions") or [])
    if old.get("collisionCount"):
        status["collisionCount"] = old["collisionCount"]
    if available >= bounds.least_available:
        words = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        words = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    conditions.put(status, conditions.new("Available", *words))
    return status


def judged(deployment: Object, sets: list[Object], new: Object | None, bounds: Limits) -> Object:
    """The status with everything: counts, Available, Progressing, ReplicaFailure."""
    status = counted(deployment, sets, new, bounds)
    _judge_progress(deployment, status, new)
    failure = _replica_failure(sets, new)
    if failure:
        conditions.put(status, failure)
    else:
        conditions.remove(status, "ReplicaFailure")
    return status


def _judge_progress(deployment: Object, status: Object, new: Object | None) -> None:
    if deadline(deployment) is None:
        conditions.remove(status, "Progressing")
        return
    current = condition(deployment)
    over = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if over and current and current["reason"] == "NewReplicaSetAvailable":
        return
    kind, name = ("ReplicaSet", new["metadata"]["name"]) if new else ("Deployment", deployment["metadata"]["name"])
    if is_complete(deployment, status):
        message = f'{kind} "{name}" has successfully progressed.'
        conditions.put(status, conditions.new("Progressing", "True", "NewReplicaSetAvailable", message))
    elif _has_progressed(deployment.get("status") or {}, status):
        wanted = conditions.new("Progressing", "True", "ReplicaSetUpdated", f'{kind} "{name}" is progressing.')
        if current and current["status"] == "True":
            wanted["lastTransitionTime"] = current["lastTransitionTime"]
        conditions.remove(status, "Progressing")
        conditions.put(status, wanted)
    elif _is_late(deployment, status):
        message = f'{kind} "{name}" has timed out progressing.'
        conditions.put(status, conditions.new("Progressing", "False", "ProgressDeadlineExceeded", message))


def is_complete(deployment: Object, status: Object) -> bool:
    wanted = deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 1)
    return seen and counts == [wanted] * 3


def _has_progressed(old: Object, new: Object) -> bool:
    def number(status: Object, name: str) -> int:
        return int(status.get(name, 0))

    def outdated(status: Object) -> int:
        return number(status, "replicas") - number(status, "updatedReplicas")

    rising = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated(new) < outdated(old) or any(number(new, name) > number(old, name) for name in rising)


def _is_late(deployment: Object, status: Object) -> bool:
    current = conditions.find(status, "Progressing")
    if not current or current["reason"] == "NewReplicaSetAvailable":
        return False
    if current["reason"] == "ProgressDeadlineExceeded":
        return True
    return _seconds_left(deployment, current) < 0


def _seconds_left(deployment: Object, current: Object) -> float:
    due = clock.parse(current["lastUpdateTime"]) + timedelta(seconds=deadline(deployment) or 0)
    return (due - datetime.now(UTC)).total_seconds()


def look_again_after(deployment: Object) -> float | None:
    """Seconds until its deadline could have passed, None if that is of no interest."""
    current = condition(deployment)
    if deadline(deployment) is None or current is None or current["reason"] == "ProgressDeadlineExceeded":
        return None
    if is_complete(deployment, deployment.get("status") or {}):
        return None
    return max(0.1, _seconds_left(deployment, current) + 0.1)


def _replica_failure(sets: list[Object], new: Object | None) -> Object | None:
    for rs in ([new] if new else []) + sets:
        found = conditions.find(rs.get("status") or {}, "ReplicaFailure")
        if found and found["status"] == "True":
            return conditions.new("ReplicaFailure", "True", found["reason"], found["message"])
    return None
