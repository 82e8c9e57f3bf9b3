"""What resource quotas allow (Kubernetes documentation, "Resource Quotas")."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from localcluster import quantity
from localcluster.errors import Forbidden
from localcluster.store.resources import KINDS

Object = dict[str, Any]
Objects = Callable[[str, str], Iterable[Object]]
"""The objects of a kind in a namespace."""

Amounts = dict[str, Decimal]

_COUNTED_BY_NAME = {
    "ConfigMap": "configmaps",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "ResourceQuota": "resourcequotas",
    "Secret": "secrets",
    "Service": "services",
}
_COMPUTED = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
_SHORT = {"cpu": "requests.cpu", "memory": "requests.memory"}


def check(kind: str, new: Object, objects: Objects) -> None:
    """Whether a new object fits in all quotas of its namespace. Raises Forbidden, worded as the API server words it."""
    namespace = new["metadata"].get("namespace")
    for quota in objects("ResourceQuota", namespace) if namespace else ():
        if _in_scope(quota, kind, new):
            _check_one(kind, new, quota, objects)


def used(quota: Object, objects: Objects) -> dict[str, str]:
    """How much of each resource that a quota limits is in use: `{"pods": "2"}`, canonical quantities."""
    return {name: _shown(name, amount) for name, amount in _used(quota, objects).items()}


def _check_one(kind: str, new: Object, quota: Object, objects: Objects) -> None:
    name, meta = quota["metadata"]["name"], new["metadata"]
    limits = {resource: quantity.parse(amount) for resource, amount in _hard(quota).items()}
    wanted = {resource: amount for resource, amount in _usage(kind, new).items() if resource in limits}
    if kind == "Pod" and (missing := list(_unspecified(new, limits))):
        raise Forbidden(kind, meta["name"], f"failed quota: {name}: must specify {'; '.join(missing)}")
    if not any(wanted.values()):
        return
    present = _used(quota, objects)
    over = sorted(resource for resource in wanted if present[resource] + wanted[resource] > limits[resource])
    if over:
        asked = _listed(over, wanted)
        why = f"requested: {asked}, used: {_listed(over, present)}, limited: {_listed(over, limits)}"
        raise Forbidden(kind, meta["name"], f"exceeded quota: {name}, {why}")


def _unspecified(pod: Object, limits: Amounts) -> Iterator[str]:
    """What containers must say because a quota counts it: `limits.memory for: web,sidecar`."""
    for resource in sorted(limits):
        part, _, name = _SHORT.get(resource, resource).partition(".")
        if f"{part}.{name}" not in _COMPUTED:
            continue
        silent = [c["name"] for c in pod["spec"]["containers"] if name not in c.get("resources", {}).get(part, {})]
        if silent:
            yield f"{resource} for: {','.join(sorted(silent))}"


def _used(quota: Object, objects: Objects) -> Amounts:
    sums: Amounts = dict.fromkeys(_hard(quota), Decimal(0))
    for kind in _kinds(sums):
        for obj in objects(kind, quota["metadata"].get("namespace") or ""):
            if not _in_scope(quota, kind, obj):
                continue
            for resource, amount in _usage(kind, obj).items():
                if resource in sums:
                    sums[resource] += amount
    return sums


def _kinds(resources: Iterable[str]) -> list[str]:
    """The kinds that count towards some resources."""
    by_name = {plural: kind for kind, plural in _COUNTED_BY_NAME.items()}
    by_name |= {f"count/{kind.resource}": kind.kind for kind in KINDS.values()}
    by_name |= dict.fromkeys((*_COMPUTED, *_SHORT), "Pod") | {"requests.storage": "PersistentVolumeClaim"}
    by_name |= {"services.nodeports": "Service", "services.loadbalancers": "Service"}
    return list(dict.fromkeys(by_name[name] for name in resources if name in by_name))


def _usage(kind: str, obj: Object) -> Amounts:
    """What one object takes."""
    if kind == "Pod" and obj.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return {f"count/{KINDS[kind].resource}": Decimal(1)}
    amounts = {f"count/{KINDS[kind].resource}": Decimal(1)}
    if kind in _COUNTED_BY_NAME:
        amounts[_COUNTED_BY_NAME[kind]] = Decimal(1)
    if kind == "Pod":
        amounts |= _computed(obj["spec"])
    if kind == "PersistentVolumeClaim":
        storage = obj["spec"].get("resources", {}).get("requests", {}).get("storage", "0")
        amounts["requests.storage"] = quantity.parse(storage)
    if kind == "Service" and obj["spec"].get("type") in ("NodePort", "LoadBalancer"):
        amounts["services.nodeports"] = Decimal(len(obj["spec"].get("ports", [])))
        amounts["services.loadbalancers"] = Decimal(obj["spec"]["type"] == "LoadBalancer")
    return amounts


def _computed(spec: Object) -> Amounts:
    """Requests and limits of a pod: the sum of its containers, or its largest init container's if that is more."""
    amounts: Amounts = {}
    for resource in _COMPUTED:
        part, _, name = resource.partition(".")
        running = sum((_amount(container, part, name) for container in spec["containers"]), Decimal(0))
        starting = max((_amount(c, part, name) for c in spec.get("initContainers") or []), default=Decimal(0))
        amounts[resource] = max(running, starting)
    return amounts | {short: amounts[resource] for short, resource in _SHORT.items()}


def _amount(container: Object, part: str, name: str) -> Decimal:
    return quantity.parse(container.get("resources", {}).get(part, {}).get(name, "0"))


def _in_scope(quota: Object, kind: str, obj: Object) -> bool:
    scopes = quota.get("spec", {}).get("scopes") or []
    return not scopes or (kind == "Pod" and all(_has_scope(obj, scope) for scope in scopes))


def _has_scope(pod: Object, scope: str) -> bool:
    if scope.endswith("Terminating"):
        return ("activeDeadlineSeconds" in pod["spec"]) is not scope.startswith("Not")
    return (pod.get("status", {}).get("qosClass") == "BestEffort") is not scope.startswith("Not")


def _hard(quota: Object) -> dict[str, str]:
    hard: dict[str, str] = quota.get("spec", {}).get("hard") or {}
    return hard


def _listed(resources: Iterable[str], amounts: Amounts) -> str:
    return ",".join(f"{resource}={_shown(resource, amounts[resource])}" for resource in resources)


def _shown(resource: str, amount: Decimal) -> str:
    """Bytes in binary units where they come out even."""
    is_bytes = resource.endswith(("memory", "storage"))
    unit = next(
        (u for u in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki") if is_bytes and not amount % quantity.parse(f"1{u}")), ""
    )
    if amount and unit:
        return f"{int(amount / quantity.parse(f'1{unit}'))}{unit}"
    return quantity.canonical(f"{amount:f}")
