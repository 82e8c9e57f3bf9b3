"""Label and field selectors (Kubernetes documentation, "Labels and Selectors" and "Field Selectors")."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.errors import BadRequest


@dataclass(frozen=True)
class Requirement:
    """One condition on a label; operator is one of `In NotIn Exists DoesNotExist`."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        if self.operator == "In":
            return labels.get(self.key) in self.values
        return self.key not in labels or labels[self.key] not in self.values


@dataclass(frozen=True)
class Selector:
    """All requirements must hold; none at all matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        present = labels or {}
        return all(requirement.holds(present) for requirement in self.requirements)

    @staticmethod
    def equal(labels: Mapping[str, str] | None) -> "Selector":
        """What a Service's `spec.selector` means."""
        return Selector(tuple(Requirement(key, "In", frozenset((value,))) for key, value in (labels or {}).items()))

    @staticmethod
    def of(label_selector: Mapping[str, Any] | None) -> "Selector":
        """What a LabelSelector object (`matchLabels`, `matchExpressions`) means."""
        given = label_selector or {}
        expressions = tuple(
            Requirement(item["key"], item["operator"], frozenset(item.get("values") or ()))
            for item in given.get("matchExpressions") or ()
        )
        return Selector(Selector.equal(given.get("matchLabels")).requirements + expressions)

    @staticmethod
    def parse(text: str) -> "Selector":
        """The text of a `labelSelector` parameter. Raises BadRequest."""
        return Selector(tuple(_requirement(part) for part in _split(text)))


_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"[-A-Za-z0-9_.]*"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EQUALITY = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_EXISTENCE = re.compile(rf"(!?)\s*({_KEY})")


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside parentheses."""
    if not text.strip():
        return []
    return [part.strip() for part in re.split(r",(?![^(]*\))", text)]


def _requirement(part: str) -> Requirement:
    if match := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in match[3].split(","))
        return Requirement(match[1], "In" if match[2] == "in" else "NotIn", values)
    if match := _EQUALITY.fullmatch(part):
        return Requirement(match[1], "NotIn" if match[2] == "!=" else "In", frozenset((match[3],)))
    if match := _EXISTENCE.fullmatch(part):
        return Requirement(match[2], "DoesNotExist" if match[1] else "Exists")
    raise BadRequest(f"unable to parse requirement: found '{part}', expected: a label requirement")


Fields = Callable[[Mapping[str, Any]], bool]

_COMMON = ("metadata.name", "metadata.namespace")
_SUPPORTED = {
    "Pod": ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
    "Event": (
        *(f"involvedObject.{key}" for key in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")),
        "involvedObject.resourceVersion",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Job": ("status.successful",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "ReplicaSet": ("status.replicas",),
    "Secret": ("type",),
}


def parse_fields(kind: str, text: str) -> Fields:
    """The meaning of a `fieldSelector` parameter for a kind. Raises BadRequest for a field that it does not support."""
    conditions: list[tuple[str, bool, str]] = []
    for part in (piece.strip() for piece in text.split(",")):
        if not part:
            continue
        match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
        if not match:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{part}'")
        if match[1] not in (*_COMMON, *_SUPPORTED.get(kind, ())):
            raise BadRequest(f"field label not supported: {match[1]}")
        conditions.append((match[1], match[2] != "!=", match[3]))
    return lambda obj: all((_field(obj, path) == value) is wanted for path, wanted, value in conditions)


def _field(obj: Mapping[str, Any], path: str) -> str:
    if path == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
