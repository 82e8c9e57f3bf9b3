"""What makes an object invalid: the rules that people and deployers run into, worded as the API server words them."""

from collections.abc import Callable
from typing import Any

from localcluster.errors import Invalid
from localcluster.store.faults import Faults
from localcluster.store.selectors import Selector
from localcluster.store.validation_batch import check_cron_job, check_job_kept, check_job_spec
from localcluster.store.validation_data import check_data_kept, check_encoding, check_keys, check_secret
from localcluster.store.validation_network import check_endpoint_slice, check_ingress, check_service
from localcluster.store.validation_pods import check_pod_spec, check_pod_update
from localcluster.store.validation_policies import (
    check_autoscaler,
    check_budget,
    check_claim,
    check_claim_kept,
    check_quota,
)

__all__ = ["check", "check_encoding"]

Object = dict[str, Any]

_LARGEST_ANNOTATIONS = 256 * 1024
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
    _finalizers_kept(new["metadata"], old["metadata"], faults)
    if kind in ("Deployment", "ReplicaSet"):
        faults.immutable("spec.selector", new["spec"].get("selector"), old["spec"].get("selector"))
    if kind == "Job":
        check_job_kept(new["spec"], old["spec"], faults)
    if kind in ("Secret", "ConfigMap"):
        check_data_kept(kind, new, old, faults)
    if kind == "Service":
        _address_kept(new["spec"], old["spec"], faults)
    if kind == "Pod":
        check_pod_update(new["spec"], old["spec"], faults)
    if kind == "PersistentVolumeClaim":
        check_claim_kept(new["spec"], old["spec"], faults)
    if kind == "EndpointSlice":
        faults.immutable("addressType", new.get("addressType"), old.get("addressType"))


def _finalizers_kept(new: Object, old: Object, faults: Faults) -> None:
    """What is being deleted gets no new reasons to stay."""
    if "deletionTimestamp" not in old:
        return
    added = [name for name in new.get("finalizers") or [] if name not in (old.get("finalizers") or [])]
    if added:
        listed = ", ".join(f'"{name}"' for name in sorted(added))
        why = "no new finalizers can be added if the object is being deleted, found new finalizers []string"
        faults.forbidden("metadata.finalizers", f"{why}{{{listed}}}")


def _address_kept(new: Object, old: Object, faults: Faults) -> None:
    had = old.get("clusterIP") if new["type"] == old["type"] else None
    if had and new.get("clusterIP") != had:
        faults.invalid("spec.clusterIPs[0]", new.get("clusterIPs"), "may not change once set")


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
        faults.amount(f"spec.strategy.rollingUpdate.{field}", rolling[field], limited=field == "maxUnavailable")
    if rolling["maxUnavailable"] in (0, "0%") and rolling["maxSurge"] in (0, "0%"):
        faults.invalid(
            "spec.strategy.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0"
        )


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
    check_job_spec(obj["spec"], "spec", faults, _job_template)


def _cron_job(obj: Object, faults: Faults) -> None:
    check_cron_job(obj, faults, _job_template)


def _job_template(template: Object, field: str, faults: Faults) -> None:
    _template(template, field, faults, restart=("Always", "OnFailure", "Never"))


def _template(template: Object, field: str, faults: Faults, *, restart: tuple[str, ...]) -> None:
    faults.labels(f"{field}.metadata.labels", template["metadata"].get("labels"))
    check_pod_spec(template["spec"], f"{field}.spec", faults)
    policy = template["spec"]["restartPolicy"]
    if policy not in restart:
        faults.unsupported(f"{field}.spec.restartPolicy", policy, restart)


def _pod(obj: Object, faults: Faults) -> None:
    check_pod_spec(obj["spec"], "spec", faults)


def _event(obj: Object, faults: Faults) -> None:
    involved = (obj.get("involvedObject") or {}).get("namespace", "")
    if obj["metadata"].get("namespace", "") != (involved or "default"):
        faults.invalid("involvedObject.namespace", involved, "does not match event.namespace")


_RULES: dict[str, Callable[[Object, Faults], None]] = {
    "ConfigMap": check_keys,
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "EndpointSlice": check_endpoint_slice,
    "Event": _event,
    "HorizontalPodAutoscaler": check_autoscaler,
    "Ingress": check_ingress,
    "Job": _job,
    "PersistentVolumeClaim": check_claim,
    "Pod": _pod,
    "PodDisruptionBudget": check_budget,
    "ReplicaSet": _replica_set,
    "ResourceQuota": check_quota,
    "Secret": check_secret,
    "Service": check_service,
}
