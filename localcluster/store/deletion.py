"""How objects end: finalizers and grace periods (Kubernetes API conventions, "Deletion")."""

from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster import clock

Object = dict[str, Any]

FAR = 10**9
"""Seconds beyond which a time is not told: there is none for every number that a grace period may have."""


def add_finalizer(obj: Object, finalizer: str) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)


def mark_deleted(kind: str, obj: Object, grace: int | None) -> None:
    """Sets deletionTimestamp and deletionGracePeriodSeconds; a second delete can only shorten the grace period."""
    meta = obj["metadata"]
    seconds = _grace(obj, grace) if kind == "Pod" else 0
    if "deletionTimestamp" in meta and seconds >= meta.get("deletionGracePeriodSeconds", 0):
        return
    if "deletionTimestamp" not in meta and "generation" in meta:
        meta["generation"] += 1
    meta["deletionTimestamp"] = clock.stamp(datetime.now(UTC) + timedelta(seconds=min(seconds, FAR)))
    if kind != "Namespace":
        meta["deletionGracePeriodSeconds"] = seconds
    else:
        obj.setdefault("status", {})["phase"] = "Terminating"


def is_gradual(kind: str, obj: Object) -> bool:
    """Whether its end is a state of its own, and not just its absence."""
    return kind in ("Pod", "Namespace") or bool(obj["metadata"].get("finalizers"))


def _grace(pod: Object, wanted: int | None) -> int:
    """Seconds; 0 for a pod that runs nowhere."""
    if not pod.get("spec", {}).get("nodeName") or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    own = pod["spec"].get("terminationGracePeriodSeconds", 30)
    return max(0, own if wanted is None else wanted)


def is_finished(kind: str, obj: Object) -> bool:
    """Whether a deleted object has nothing left to wait for."""
    meta = obj["metadata"]
    if "deletionTimestamp" not in meta or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return kind != "Namespace" or not obj.get("spec", {}).get("finalizers")
