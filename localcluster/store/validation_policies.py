"""What makes autoscalers, disruption budgets, quotas and volume claims invalid."""

import re
from typing import Any

from localcluster import quantity
from localcluster.store.faults import Faults

Object = dict[str, Any]

_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_METRICS = ("ContainerResource", "External", "Object", "Pods", "Resource")
_CLAIM_RULE = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_QUOTA_NAMES = re.compile(
    r"(requests\.|limits\.)?(cpu|memory|ephemeral-storage|storage)|pods|services(\.(loadbalancers|nodeports))?|"
    r"secrets|configmaps|persistentvolumeclaims|replicationcontrollers|resourcequotas|.+/.+"
)


def check_autoscaler(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    smallest, largest = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if smallest < 1:
        faults.invalid("spec.minReplicas", smallest, "must be greater than or equal to 1")
    if largest < 1:
        faults.invalid("spec.maxReplicas", largest, "must be greater than 0")
    if largest < smallest:
        faults.invalid("spec.maxReplicas", largest, "must be greater than or equal to `minReplicas`")
    target = spec.get("scaleTargetRef") or {}
    for name in ("kind", "name"):
        if not target.get(name):
            faults.required(f"spec.scaleTargetRef.{name}")
    for index, metric in enumerate(spec.get("metrics") or []):
        kind = metric.get("type", "")
        if not kind:
            faults.required(f"spec.metrics[{index}].type", "must specify a metric source type")
        elif kind not in _METRICS:
            faults.unsupported(f"spec.metrics[{index}].type", kind, _METRICS)
        elif kind[0].lower() + kind[1:] not in metric:
            field = kind[0].lower() + kind[1:]
            why = f"must populate information for the given metric source `{kind}`"
            faults.required(f"spec.metrics[{index}].{field}", why)


def check_budget(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if "minAvailable" in spec and "maxUnavailable" in spec:
        faults.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for name in ("minAvailable", "maxUnavailable"):
        faults.amount(f"spec.{name}", spec.get(name, 0), limited=True)


def check_quota(obj: Object, faults: Faults) -> None:
    for name, amount in (obj["spec"].get("hard") or {}).items():
        if not _QUOTA_NAMES.fullmatch(name):
            faults.invalid(f"spec.hard[{name}]", name, "must be a standard resource for quota")
        if quantity.parse(amount) < 0:
            faults.invalid(f"spec.hard[{name}]", amount, "must be greater than or equal to 0")


def check_claim(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    if not spec.get("accessModes"):
        faults.required("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or []:
        if mode not in _MODES:
            faults.unsupported("spec.accessModes", mode, _MODES)
    storage = spec.get("resources", {}).get("requests", {}).get("storage")
    if storage is None:
        faults.required("spec.resources[storage]")
    elif quantity.parse(storage) <= 0:
        faults.invalid("spec.resources[storage]", storage, "must be greater than zero")
    if spec.get("volumeMode") not in ("Block", "Filesystem"):
        faults.unsupported("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def check_claim_kept(new: Object, old: Object, faults: Faults) -> None:
    """A claim may only grow; its volume is chosen once."""
    open_fields: Object = {"resources": None}
    if not old.get("volumeName"):
        open_fields["volumeName"] = None
    if {**new, **open_fields} != {**old, **open_fields}:
        faults.forbidden("spec", _CLAIM_RULE)
        return
    before, after = (
        quantity.parse(spec.get("resources", {}).get("requests", {}).get("storage", "0")) for spec in (old, new)
    )
    if after < before:
        faults.forbidden("spec.resources.requests.storage", "field can not be less than previous value")
