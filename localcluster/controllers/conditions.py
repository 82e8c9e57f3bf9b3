"""Conditions of a Deployment's status, and how they are replaced (pkg/controller/deployment/util)."""

from typing import Any

from localcluster import clock

Object = dict[str, Any]


def find(status: Object, type_: str) -> Object | None:
    return next((found for found in status.get("conditions") or [] if found["type"] == type_), None)


def new(type_: str, status: str, reason: str, message: str) -> Object:
    now = clock.now()
    return {
        "type": type_,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }


def put(status: Object, wanted: Object) -> None:
    """Replaces the condition of that type, which moves to the end; one with the same status and reason stays."""
    current = find(status, wanted["type"])
    if current and (current["status"], current["reason"]) == (wanted["status"], wanted["reason"]):
        return
    if current and current["status"] == wanted["status"]:
        wanted = wanted | {"lastTransitionTime": current["lastTransitionTime"]}
    remove(status, wanted["type"])
    status.setdefault("conditions", []).append(wanted)


def remove(status: Object, type_: str) -> None:
    if find(status, type_):
        status["conditions"] = [found for found in status["conditions"] if found["type"] != type_]
