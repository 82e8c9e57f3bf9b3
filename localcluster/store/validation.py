"""What makes an object invalid: the rules that people and deployers run into, worded as the API server words them."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from localcluster.errors import Invalid
from localcluster.store.decode import cannot_be_handled
from localcluster.store.faults import Faults
from localcluster.store.selectors import Selector
from localcluster.store.validation_pods import check_pod_spec, check_pod_update

Object = dict[str, Any]

_LARGEST_ANNOTATIONS = 256 * 1024
_LARGEST_SECRET = 1024 * 1024
_NAME_FORMS = {"Namespace": "label", "Service": "label 1035"}


def check(kind: str, new: Object, old: Object | None = None) -> None:
    """Checks a complete object (with defaults), and against what it replaces. Raises Invalid (422)."""
    faults = Faults()
    _metadata(kind, new["metadata"], faults)
    if old is not None:
        _kept(kind, new, old, faults)
    rule = _RULES.get(kind)
    if rule:
        rule(new, faults)
    if faults.causes:
        raise Invalid(kind, new["metadata"].get("name", ""), faults.causes)


def check_encoding(kind: str, obj: Object) -> None:
    """Whether a Secret's data is base64. Raises BadRequest, as decoding does."""
    if kind != "Secret":
        return
    for value in (obj.get("data") or {}).values():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise cannot_be_handled(kind, "illegal base64 data at input byte 0") from None


def _metadata(kind: str, meta: Object, faults: Faults) -> None:
    faults.name("metadata.name", meta.get("name", ""), _NAME_FORMS.get(kind, "subdomain"))
    faults.labels("metadata.labels", meta.get("labels"))
    annotations = meta.get("annotations") or {}
    for key in annotations:
        faults.qualified_name("metadata.annotations", key.lower())
    if sum(len(key) + len(value) for key, value in annotations.items()) > _LARGEST_ANNOTATIONS:
        faults.too_long("metadata.annotations", _LARGEST_ANNOTATIONS)
    for index, owner in enumerate(meta.get("ownerReferences") or []):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                faults.invalid(f"metadata.ownerReferences[{index}].{field}", owner.get(field, ""), "must not be empty")


def _kept(kind: str, new: Object, old: Object, faults: Faults) -> None:
    """What must stay as it was."""
    if kind in ("Deployment", "ReplicaSet", "Job"):
        faults.immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))
    if kind == "Job":
        faults.immutable("spec.template", new["spec"]["template"], old["spec"]["template"])
        faults.immutable("spec.completionMode", new["spec"].get("completionMode"), old["spec"].get("completionMode"))
    if kind in ("Secret", "ConfigMap") and old.get("immutable"):
        if not new.get("immutable"):
            faults.forbidden("immutable", "field is immutable when `immutable` is set")
        for field in ("data", "binaryData"):
            if new.get(field) != old.get(field):
                faults.forbidden(field, "field is immutable when `immutable` is set")
    if kind == "Secret":
        faults.immutable("type", new.get("type"), old.get("type"))
    if kind == "Service":
        _address_kept(new["spec"], old["spec"], faults)
    if kind == "Pod":
        check_pod_update(new["spec"], old["spec"], faults)
    if kind == "PersistentVolumeClaim":
        _claim_kept(new["spec"], old["spec"], faults)


def _address_kept(new: Object, old: Object, faults: Faults) -> None:
    had = old.get("clusterIP") if new["type"] == old["type"] else None
    if had and new.get("clusterIP") != had:
        faults.invalid("spec.clusterIPs[0]", new.get("clusterIPs"), "may not change once set")


def _claim_kept(new: Object, old: Object, faults: Faults) -> None:
    if {**new, "resources": None, "volumeName": None} != {**old, "resources": None, "volumeName": None}:
        faults.forbidden(
            "spec",
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
        )


def _deployment(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        faults.at_least_zero(f"spec.{field}", spec.get(field))
    _selector(spec, faults)
    _strategy(spec["strategy"], faults)
    if 0 <= spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        faults.invalid(
            "spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"
        )
    _template(spec["template"], "spec.template", faults, restart=("Always",))


def _strategy(strategy: Object, faults: Faults) -> None:
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        faults.unsupported("spec.strategy.type", strategy["type"], ("Recreate", "RollingUpdate"))
    if strategy["type"] == "Recreate" and "rollingUpdate" in strategy:
        faults.forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    if strategy["type"] != "RollingUpdate":
        return
    rolling = strategy["rollingUpdate"]
    for field in ("maxUnavailable", "maxSurge"):
        _amount(f"spec.strategy.rollingUpdate.{field}", rolling[field], faults, limited=field == "maxUnavailable")
    if rolling["maxUnavailable"] in (0, "0%") and rolling["maxSurge"] in (0, "0%"):
        faults.invalid(
            "spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0"
        )


def _amount(field: str, value: int | str, faults: Faults, *, limited: bool) -> None:
    faults.at_least_zero(field, value)
    if isinstance(value, str):
        digits = value.removesuffix("%")
        if not value.endswith("%") or not digits.isdecimal() or not digits.isascii():
            rule = "a valid percent string must be a numeric string followed by an ending '%'"
            faults.invalid(field, value, f"{rule} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")
        elif limited and int(digits[:9]) > 100:
            faults.invalid(field, value, "must not be greater than 100%")


def _replica_set(obj: Object, faults: Faults) -> None:
    for field in ("replicas", "minReadySeconds"):
        faults.at_least_zero(f"spec.{field}", obj["spec"].get(field))
    _selector(obj["spec"], faults)
    _template(obj["spec"]["template"], "spec.template", faults, restart=("Always",))


def _selector(spec: Object, faults: Faults) -> None:
    selector = spec.get("selector")
    if selector is None:
        faults.required("spec.selector")
        return
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        faults.invalid("spec.selector", selector, "empty selector is invalid for deployment")
        return
    faults.labels("spec.selector.matchLabels", selector.get("matchLabels"))
    labels = spec["template"]["metadata"].get("labels") or {}
    if not _selects(selector, labels):
        faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    try:
        return Selector.of(selector).matches(labels)
    except KeyError:
        return False


def _job(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    for field in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        faults.at_least_zero(f"spec.{field}", spec.get(field))
    _job_template(spec["template"], "spec.template", faults)


def _job_template(template: Object, field: str, faults: Faults) -> None:
    if template["spec"].get("restartPolicy") == "Always":
        faults.required(f"{field}.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    _template(template, field, faults, restart=("Always", "OnFailure", "Never"))


def _cron_job(obj: Object, faults: Faults) -> None:
    if not obj["spec"].get("schedule"):
        faults.required("spec.schedule")
    _job_template(obj["spec"]["jobTemplate"]["spec"]["template"], "spec.jobTemplate.spec.template", faults)


def _template(template: Object, field: str, faults: Faults, *, restart: tuple[str, ...]) -> None:
    faults.labels(f"{field}.metadata.labels", template["metadata"].get("labels"))
    check_pod_spec(template["spec"], f"{field}.spec", faults)
    policy = template["spec"]["restartPolicy"]
    if policy not in restart:
        faults.unsupported(f"{field}.spec.restartPolicy", policy, restart)


def _service(obj: Object, faults: Faults) -> None:
    spec = obj["spec"]
    ports = spec.get("ports", [])
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        faults.required("spec.ports")
    names: set[str] = set()
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        faults.port(f"{field}.port", port.get("port", 0))
        faults.port(f"{field}.targetPort", port.get("targetPort"))
        name = port.get("name", "")
        if not name and len(ports) > 1:
            faults.required(f"{field}.name")
        elif name in names:
            faults.duplicate(f"{field}.name", name)
        names.add(name)
    faults.labels("spec.selector", spec.get("selector"))


def _keys(obj: Object, faults: Faults) -> None:
    """Secrets and ConfigMaps."""
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if len(key) > 253 or not key or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in key):
                rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                faults.invalid(
                    f"{field}[{key}]",
                    key,
                    f"{rule} (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
                    f"'[-._a-zA-Z0-9]+')",
                )
    if sum(len(value) for value in (obj.get("data") or {}).values()) > _LARGEST_SECRET * 4 // 3:
        faults.too_long("data", _LARGEST_SECRET)


def _ingress(obj: Object, faults: Faults) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        faults.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules", [])):
        if rule.get("host"):
            faults.name(f"spec.rules[{index}].host", rule["host"].removeprefix("*."), "subdomain")


def _pod(obj: Object, faults: Faults) -> None:
    check_pod_spec(obj["spec"], "spec", faults)


_RULES: dict[str, Callable[[Object, Faults], None]] = {
    "ConfigMap": _keys,
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "Ingress": _ingress,
    "Job": _job,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "Secret": _keys,
    "Service": _service,
}
