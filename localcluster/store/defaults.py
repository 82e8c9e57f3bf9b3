"""What the API server fills in where an object says nothing (Kubernetes API reference; the recordings of a real
one)."""

import base64
import random
from collections.abc import Callable, Iterable
from typing import Any

from localcluster.store.defaults_pods import fill_pod, fill_pod_spec, set_missing
from localcluster.store.validation_network import NODE_PORTS

Object = dict[str, Any]


def fill(kind: str, obj: Object) -> None:
    """Fills in the defaults of a kind, in place. Doing it again changes nothing."""
    filler = _FILLERS.get(kind)
    if filler:
        filler(obj)


def allocate_addresses(service: Object, others: Iterable[Object]) -> None:
    """Gives a new Service object a free address of 10.96.0.0/12, in place, unless it has or wants none; and ports."""
    spec = service.setdefault("spec", {})
    others = list(others)
    allocate_ports(service, others)
    if spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP"):
        taken = {other.get("spec", {}).get("clusterIP") for other in others}
        spec["clusterIP"] = next(address for address in _addresses() if address not in taken)
    spec["clusterIPs"] = [spec["clusterIP"]]


def allocate_ports(service: Object, others: Iterable[Object]) -> None:
    """Gives the ports of a NodePort or LoadBalancer Service free numbers of 30000 to 32767, in place."""
    spec = service["spec"]
    if spec.get("type") not in ("NodePort", "LoadBalancer") or spec.get("allocateLoadBalancerNodePorts") is False:
        for port in spec.get("ports") or []:
            port.pop("nodePort", None)
        return
    mine = [port for port in spec.get("ports") or [] if not port.get("nodePort")]
    if not mine:
        return
    name = (service["metadata"].get("namespace"), service["metadata"].get("name"))
    taken = {
        port.get("nodePort")
        for other in others
        if (other["metadata"].get("namespace"), other["metadata"].get("name")) != name
        for port in other["spec"].get("ports") or []
    } | {port.get("nodePort") for port in spec["ports"]}
    free = [number for number in NODE_PORTS if number not in taken]
    random.shuffle(free)
    for port, number in zip(mine, free, strict=False):
        port["nodePort"] = number


def keep_addresses(service: Object, present: Object) -> None:
    """Carries the address over into a changed Service object that leaves it out, in place."""
    spec = service.setdefault("spec", {})
    for field in ("clusterIP", "clusterIPs"):
        if not spec.get(field) and spec.get("type") != "ExternalName" and present.get("spec", {}).get(field):
            spec[field] = present["spec"][field]
    had = {port.get("port"): port.get("nodePort") for port in present.get("spec", {}).get("ports") or []}
    for port in spec.get("ports") or []:
        if not port.get("nodePort") and had.get(port.get("port")):
            port["nodePort"] = had[port["port"]]


def _addresses() -> Iterable[str]:
    while True:
        yield f"10.{96 + random.randrange(16)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def _namespace(obj: Object) -> None:
    meta = obj["metadata"]
    meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
    if "deletionTimestamp" not in meta:
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    set_missing(spec, replicas=1, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    spec["strategy"].setdefault("type", "RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        set_missing(spec["strategy"].setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    _template(spec)
    obj.setdefault("status", {})


def _replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    set_missing(spec, replicas=1)
    _template(spec)
    obj.setdefault("status", {"replicas": 0})


def _job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    set_missing(
        spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed"
    )
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    set_missing(spec, parallelism=1, manualSelector=False)
    meta = obj["metadata"]
    if "uid" in meta and not spec["manualSelector"] and "selector" not in spec:
        spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}
        labels = spec.setdefault("template", {}).setdefault("metadata", {}).setdefault("labels", {})
        labels |= {
            "batch.kubernetes.io/controller-uid": meta["uid"],
            "batch.kubernetes.io/job-name": meta["name"],
            "controller-uid": meta["uid"],
            "job-name": meta["name"],
        }
        meta.setdefault("labels", dict(labels))
    _template(spec)
    obj.setdefault("status", {})


def _cron_job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    set_missing(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _template(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))
    obj.setdefault("status", {})


def _template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    fill_pod_spec(template.setdefault("spec", {}))


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    set_missing(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports", []):
        set_missing(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        set_missing(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        set_missing(spec, externalTrafficPolicy="Cluster")
    set_missing(obj, status={"loadBalancer": {}})


def _secret(obj: Object) -> None:
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(text.encode(errors="replace")).decode()
    set_missing(obj, type="Opaque")


def _ingress(obj: Object) -> None:
    set_missing(obj, status={"loadBalancer": {}})


def _claim(obj: Object) -> None:
    set_missing(obj.setdefault("spec", {}), volumeMode="Filesystem")
    set_missing(obj.setdefault("status", {}), phase="Pending")


def _autoscaler(obj: Object) -> None:
    set_missing(obj.setdefault("spec", {}), minReplicas=1)
    set_missing(obj, status={"desiredReplicas": 0, "currentReplicas": 0})


def _budget(obj: Object) -> None:
    set_missing(
        obj, status=dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0)
    )


_FILLERS: dict[str, Callable[[Object], None]] = {
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "Job": _job,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": fill_pod,
    "PodDisruptionBudget": _budget,
    "ReplicaSet": _replica_set,
    "Secret": _secret,
    "Service": _service,
}
