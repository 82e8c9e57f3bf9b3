"""Resources as statuses tell them (recordings first-deploy, oom-killed)."""

from collections.abc import Iterable
from typing import Any

from localcluster import quantity

Object = dict[str, Any]


def of_pod(spec: Object) -> Object:
    """`resources`, and `allocatedResources` where anything is requested: those of its containers together."""
    lasting = [found for found in spec.get("initContainers") or [] if found.get("restartPolicy") == "Always"]
    stated = [container.get("resources") or {} for container in [*spec["containers"], *lasting]]
    resources = {
        part: found for part in ("limits", "requests") if (found := _sum(each.get(part) or {} for each in stated))
    }
    allocated = resources.get("requests")
    return {"resources": resources} | ({"allocatedResources": allocated} if allocated else {})


def _sum(parts: Iterable[Object]) -> Object:
    amounts: dict[str, list[str]] = {}
    for part in parts:
        for name, amount in part.items():
            amounts.setdefault(name, []).append(str(amount))
    return {name: found[0] if len(found) == 1 else _total(found) for name, found in amounts.items()}


def _total(amounts: list[str]) -> str:
    total = sum(quantity.parse(amount) for amount in amounts)
    if amounts[0].endswith("i") and total % 1024 == 0:
        return quantity.canonical(f"{int(total) // 1024}Ki")
    return quantity.canonical(f"{total:f}")


def of_mounts(spec: Object) -> list[Object]:
    """`volumeMounts` of a container's status."""
    found = []
    for mount in spec.get("volumeMounts") or []:
        entry = {"name": mount["name"], "mountPath": mount["mountPath"]}
        if mount.get("readOnly"):
            entry |= {"readOnly": True, "recursiveReadOnly": mount.get("recursiveReadOnly") or "Disabled"}
        found.append(entry)
    return found


def memory_limit(spec: Object) -> int | None:
    """The memory limit of a container in bytes, None if there is none."""
    stated = ((spec.get("resources") or {}).get("limits") or {}).get("memory")
    return int(quantity.parse(str(stated))) if stated is not None else None
