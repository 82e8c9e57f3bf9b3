"""The downward API: fields of a pod and resources of a container, as variables and as files (Kubernetes documentation,
"Downward API")."""

import json
import os
import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

from localcluster import quantity

Object = dict[str, Any]

HOST = "127.0.0.1"

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field_of(pod: Object, path: str) -> str:
    """A field of the pod: `metadata.name`, `metadata.labels['app']`, `status.podIP`; one that is missing is empty."""
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        return str((pod["metadata"].get(subscript[1]) or {}).get(subscript[2], ""))
    if path in ("status.podIP", "status.hostIP", "status.podIPs", "status.hostIPs"):
        return HOST
    if path in ("metadata.labels", "metadata.annotations"):
        values = pod["metadata"].get(path.partition(".")[2]) or {}
        return "\n".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(values.items()))
    if path == "spec.serviceAccountName":
        return str(pod["spec"].get("serviceAccountName") or "default")
    value: Any = pod
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def resource_of(container: Object, reference: Object) -> str:
    """A request or limit in units of the divisor, rounded up; a limit that is not set is all that the machine has."""
    section, _, name = str(reference.get("resource") or "").partition(".")
    resources = container.get("resources") or {}
    stated = (resources.get(section) or {}).get(name)
    if stated is None and section == "requests":
        stated = (resources.get("limits") or {}).get(name)
    if stated is None:
        stated = _all_of(name) if section == "limits" else "0"
    divisor = quantity.parse(str(reference.get("divisor") or "1")) or Decimal(1)
    return str(int((quantity.parse(str(stated)) / divisor).to_integral_value(ROUND_CEILING)))


def _all_of(name: str) -> str:
    if name == "cpu":
        return str(os.cpu_count() or 1)
    if name == "memory":
        return str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return "0"
