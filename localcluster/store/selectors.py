"""Label and field selectors (Kubernetes documentation, "Labels and Selectors" and "Field Selectors")."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localcluster.errors import BadRequest
from localcluster.store import label_selectors


@dataclass(frozen=True)
class Requirement:
    """One condition on a label; operator is one of `In NotIn Exists DoesNotExist Gt Lt`."""

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
        if self.operator in ("Gt", "Lt"):
            return self._compares(labels.get(self.key, ""))
        return self.key not in labels or labels[self.key] not in self.values

    def _compares(self, value: str) -> bool:
        if not re.fullmatch(r"-?\d{1,18}", value):
            return False
        bound = int(next(iter(self.values)))
        return int(value) > bound if self.operator == "Gt" else int(value) < bound


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
        return Selector(tuple(Requirement(r.key, r.operator, frozenset(r.values)) for r in label_selectors.parse(text)))


Fields = Callable[[Mapping[str, Any]], bool]

_COMMON = ("metadata.name", "metadata.namespace")
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_SUPPORTED = {
    "Event": (
        *(f"involvedObject.{key}" for key in _INVOLVED), "reason", "reportingComponent", "source", "type",
    ),
    "Job": ("status.successful",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Pod": (
        "spec.hostNetwork", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
        "status.nominatedNodeName", "status.phase", "status.podIP", "status.podIPs",
    ),
    "ReplicaSet": ("status.replicas",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP", "spec.type"),
}  # fmt: skip
_REFUSALS = {
    "Job": 'field label "{}" not supported for Job',
    "ReplicaSet": 'field label "{}" not supported for appsv1.ReplicaSet',
}
_ZERO = {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0", "status.successful": "0"}
"""What fields that are left out count as."""


def parse_fields(kind: str, text: str) -> Fields:
    """The meaning of a `fieldSelector` parameter for a kind. Raises BadRequest for a field that it does not support."""
    conditions: list[tuple[str, bool, str]] = []
    for part in text.split(","):
        if not part:
            continue
        match = re.fullmatch(r"([^=!]*)(==|=|!=)(.*)", part, re.DOTALL)
        if not match:
            raise BadRequest(f"invalid selector: '{text}'; can't understand '{part}'")
        if match[1] not in (*_COMMON, *_SUPPORTED.get(kind, ())):
            raise _unsupported(kind, match[1])
        conditions.append((match[1], match[2] != "!=", match[3]))
    return lambda obj: all((_field(obj, path) == value) is wanted for path, wanted, value in conditions)


def _unsupported(kind: str, label: str) -> BadRequest:
    if kind in _SUPPORTED:
        return BadRequest(_REFUSALS.get(kind, "field label not supported: {}").format(label))
    return BadRequest(f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _field(obj: Mapping[str, Any], path: str) -> str:
    if path == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if path == "status.successful":
        value = (obj.get("status") or {}).get("succeeded")
    if isinstance(value, bool):
        return str(value).lower()
    return _ZERO.get(path, "") if value is None else str(value)
