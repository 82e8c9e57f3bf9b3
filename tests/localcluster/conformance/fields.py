"""The fields that an object has, as lines of text."""

from collections.abc import Iterator
from typing import Any

from tests.localcluster.conformance.recording import Object

_KEYS = ("name", "type", "ip", "kind", "key")
_PECULIAR = (
    "metadata.uid",
    "metadata.resourceVersion",
    "metadata.namespace",
    "metadata.generation",
    "spec.nodeName",
    "spec.replicas",
    "spec.clusterIP",
    "spec.clusterIPs",
)
"""Values that a cluster makes up, or that are a trajectory of their own."""


_MOMENTARY = tuple(f"status.{name}" for name in ("conditions", "containerStatuses", "phase", "uncountedTerminatedPods"))


def lines(obj: Object) -> Iterator[str]:
    """`path = value` for what is asked for, `path` alone for what is a matter of the moment."""
    for path, value in _leaves("", {key: value for key, value in obj.items() if key != "endpoints"}):
        if path in _PECULIAR or _is_momentary(path, value):
            yield path
        else:
            yield f"{path} = {value if isinstance(value, str) else repr(value)}"


def paths(obj: Object) -> Iterator[str]:
    """The paths alone."""
    for path, _ in _leaves("", obj):
        yield path


def _is_momentary(path: str, value: Any) -> bool:
    if not path.startswith("status."):
        return False
    return isinstance(value, int) or path.startswith(_MOMENTARY)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else key, inner)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(f"{path}[{_name(inner, index)}]", inner)
    else:
        yield path, value


def _name(item: Any, index: int) -> str:
    if isinstance(item, dict):
        return str(next((item[key] for key in _KEYS if isinstance(item.get(key), str)), index))
    return str(index)
