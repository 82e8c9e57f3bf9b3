"""What a node has, what pods ask of it, and what it says against a pod, in the words of kube-scheduler's plugins."""

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_CEILING
from typing import Any

from localcluster import quantity

Object = dict[str, Any]

CLAIM_TAKEN = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


@dataclass(frozen=True)
class Amounts:
    """CPU in thousandths of a core, memory in bytes, and pods."""

    cpu: int = 0
    memory: int = 0
    pods: int = 0

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.cpu - other.cpu, self.memory - other.memory, self.pods - other.pods)


@dataclass(frozen=True)
class Objection:
    """Why a node does not take a pod; `lasting` when the end of no other pod would help."""

    reason: str
    lasting: bool


def amounts(resources: Object | None) -> Amounts:
    """Of a map of quantities."""
    found = resources or {}
    cpu = quantity.parse(str(found.get("cpu") or 0)) * 1000
    memory = quantity.parse(str(found.get("memory") or 0))
    count = quantity.parse(str(found.get("pods") or 0))
    return Amounts(int(cpu.to_integral_value(ROUND_CEILING)), int(memory), int(count))


def requested(spec: Object) -> Amounts:
    """What a pod asks for: its containers together, or the largest of its init containers if that is more."""
    together = Amounts(pods=1)
    for container in spec.get("containers") or []:
        together += _requests(container)
    for container in spec.get("initContainers") or []:
        alone = _requests(container)
        together = Amounts(max(together.cpu, alone.cpu), max(together.memory, alone.memory), 1)
    return together


def _requests(container: Object) -> Amounts:
    asked = (container.get("resources") or {}).get("requests") or {}
    return amounts({name: asked[name] for name in ("cpu", "memory") if name in asked})


def objections(node: Object, pod: Object, used: Amounts) -> list[Objection]:
    """All that speaks against the node: the first plugin that objects is heard, with all that it says."""
    spec = node.get("spec") or {}
    if spec.get("unschedulable"):
        return [Objection("node(s) were unschedulable", lasting=True)]
    taint = next((taint for taint in _taints(node) if not _is_tolerated(taint, pod)), None)
    if taint:
        text = f"{{{taint.get('key')}: {taint.get('value') or ''}}}"
        return [Objection(f"node(s) had untolerated taint {text}", lasting=True)]
    if not _is_selected(node, pod):
        return [Objection("node(s) didn't match Pod's node affinity/selector", lasting=True)]
    return _shortages(amounts((node.get("status") or {}).get("allocatable")), requested(pod["spec"]), used)


def _taints(node: Object) -> list[Object]:
    stated = (node.get("spec") or {}).get("taints") or []
    found = [taint for taint in stated if taint.get("effect") != "PreferNoSchedule"]
    return found if is_ready(node) else [*found, NOT_READY]


def is_ready(node: Object) -> bool:
    states = (node.get("status") or {}).get("conditions") or []
    return any((state["type"], state["status"]) == ("Ready", "True") for state in states)


def _is_tolerated(taint: Object, pod: Object) -> bool:
    return any(_tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or [])


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("key") not in (None, "", taint.get("key")):
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or (toleration.get("value") or "") == (taint.get("value") or "")


def _is_selected(node: Object, pod: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    wanted = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(name) != value for name, value in wanted.items()):
        return False
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    return any(_term_matches(term, node, labels) for term in affinity.get("nodeSelectorTerms") or [])


def _term_matches(term: Object, node: Object, labels: dict[str, str]) -> bool:
    """A term without any requirement selects nothing."""
    by_label, by_field = term.get("matchExpressions") or [], term.get("matchFields") or []
    fields = {"metadata.name": node["metadata"]["name"]}
    if not by_label and not by_field:
        return False
    return all(_meets(rule, labels) for rule in by_label) and all(_meets(rule, fields) for rule in by_field)


def _meets(rule: Object, found: dict[str, str]) -> bool:
    value, values = found.get(rule.get("key", "")), rule.get("values") or []
    operator = rule.get("operator")
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if value is None or not values or not _is_whole(value) or not _is_whole(values[0]):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isdecimal() and digits.isascii()


def _shortages(has: Amounts, asked: Amounts, used: Amounts) -> list[Objection]:
    found = []
    if used.pods + asked.pods > has.pods:
        found.append(Objection("Too many pods", lasting=asked.pods > has.pods))
    for name, size, free, asks in (
        ("cpu", has.cpu, has.cpu - used.cpu, asked.cpu),
        ("memory", has.memory, has.memory - used.memory, asked.memory),
    ):
        if asks and asks > free:
            found.append(Objection(f"Insufficient {name}", lasting=asks > size))
    return found


def refusal(total: int, by_node: list[list[Objection]], why_none: str = "") -> str:
    """The scheduler's message (recording unschedulable); `why_none` is what was said before any node was looked at."""
    if not total:
        return "no nodes available to schedule pods"
    reasons = Counter(objection.reason for found in by_node for objection in found)
    listed = why_none or ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    lasting = total if why_none else sum(any(objection.lasting for objection in found) for found in by_node)
    chances = {"Preemption is not helpful for scheduling": lasting}
    chances["No preemption victims found for incoming pod"] = total - lasting
    preemption = ", ".join(sorted(f"{count} {reason}" for reason, count in chances.items() if count))
    head = f"0/{total} nodes are available"
    return f"{head}: {listed}. no new claims to deallocate, preemption: {head}: {preemption}."
