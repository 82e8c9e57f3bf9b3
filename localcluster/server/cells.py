"""What stands in the cells of tables, where several kinds have it: names, ages, containers, selectors."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcluster import clock

Object = dict[str, Any]
Cell = str | int

NONE, UNSET, UNKNOWN = "<none>", "<unset>", "<unknown>"


@dataclass(frozen=True)
class Column:
    """One column of a kind's table. Wide ones are shown by `kubectl get -o wide` alone."""

    name: str
    cell: Callable[[Object], Cell]
    is_wide: bool = False
    type: str = "string"


def name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def age(obj: Object) -> str:
    return since(obj["metadata"].get("creationTimestamp"))


def since(moment: str | None) -> str:
    """How long ago a time was, shortened."""
    return duration(_seconds_since(moment)) if moment else UNKNOWN


def _seconds_since(moment: str) -> int:
    return int((datetime.now(UTC) - clock.parse(moment)).total_seconds())


def between(start: str, end: str) -> str:
    return duration(int((clock.parse(end) - clock.parse(start)).total_seconds()))


def duration(seconds: int) -> str:
    """As Kubernetes shortens it (apimachinery's HumanDuration): `90s`, `5m30s`, `3h`, `2d4h`, `2y12d`."""
    if seconds < -1:
        return "<invalid>"
    seconds = max(0, seconds)
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 2 * 365:
        return f"{days}d"
    if days < 8 * 365:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def at(*path: str, default: Cell = "") -> Callable[[Object], Cell]:
    """The value at a path, or the default where there is none."""

    def cell(obj: Object) -> Cell:
        value: Any = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return default if value in (None, "") else value

    return cell


def _containers(obj: Object) -> list[Object]:
    """The containers of the pods that an object's template describes."""
    spec = obj.get("spec", {})
    template = (spec.get("jobTemplate", {}).get("spec") or spec).get("template", {})
    return template.get("spec", {}).get("containers") or []


def container_names(obj: Object) -> str:
    return ",".join(container["name"] for container in _containers(obj))


def images(obj: Object) -> str:
    return ",".join(container.get("image", "") for container in _containers(obj))


def selector(obj: Object) -> str:
    """A label selector in its text form."""
    return label_selector(obj["spec"].get("selector"))


def label_selector(selector: Object | None) -> str:
    if selector is None:
        return NONE
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in sorted(selector.get("matchExpressions") or [], key=lambda rule: str(rule.get("key"))):
        key, values = rule.get("key", ""), ",".join(sorted(rule.get("values") or []))
        forms = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}
        parts.append(forms.get(rule.get("operator", ""), f"{key} notin ({values})"))
    return ",".join(parts) or NONE


def labels(selector: Object | None) -> str:
    """Plain labels in their text form."""
    return ",".join(f"{key}={value}" for key, value in sorted((selector or {}).items())) or NONE


def true_conditions(obj: Object) -> set[str]:
    listed = obj.get("status", {}).get("conditions") or []
    return {condition["type"] for condition in listed if condition.get("status") == "True"}


def some(values: list[str], shown: int) -> str:
    """The first few of a list, and how many more there are."""
    more = len(values) - shown
    return ",".join(values[:shown]) + (f" + {more} more..." if more > 0 else "")


TEMPLATE = (Column("Containers", container_names, True), Column("Images", images, True))
"""The wide columns of what has a pod template."""
