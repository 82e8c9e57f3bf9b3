"""What the API server fills in where an object says nothing (Kubernetes API reference; the recordings of a real
one)."""

import base64
import random
from collections.abc import Callable, Iterable
from typing import Any

Object = dict[str, Any]


def fill(kind: str, obj: Object) -> None:
    """Fills in the defaults of a kind, in place. Doing it again changes nothing."""
    filler = _FILLERS.get(kind)
    if filler:
        filler(obj)


def allocate_addresses(service: Object, others: Iterable[Object]) -> None:
    """Gives a new Service object a free address of 10.96.0.0/12, in place, unless it has or wants none."""
    spec = service.setdefault("spec", {})
    if spec.get("type") == "ExternalName":
        return
    if not spec.get("clusterIP"):
        taken = {other.get("spec", {}).get("clusterIP") for other in others}
        spec["clusterIP"] = next(address for address in _addresses() if address not in taken)
    spec["clusterIPs"] = [spec["clusterIP"]]


def keep_addresses(service: Object, present: Object) -> None:
    """Carries the address over into a changed Service object that leaves it out, in place."""
    spec = service.setdefault("spec", {})
    for field in ("clusterIP", "clusterIPs"):
        if not spec.get(field) and spec.get("type") != "ExternalName" and present.get("spec", {}).get(field):
            spec[field] = present["spec"][field]


def _addresses() -> Iterable[str]:
    while True:
        yield f"10.{96 + random.randrange(16)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def _set(obj: Object, **values: Any) -> None:
    for key, value in values.items():
        obj.setdefault(key, value)


def _namespace(obj: Object) -> None:
    meta = obj["metadata"]
    meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
    if "deletionTimestamp" not in meta:
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, replicas=1, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    spec["strategy"].setdefault("type", "RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _set(spec["strategy"].setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
    _template(spec)
    obj.setdefault("status", {})


def _replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, replicas=1)
    _template(spec)
    obj.setdefault("status", {"replicas": 0})


def _job(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, backoffLimit=6, completionMode="NonIndexed", suspend=False, podReplacementPolicy="TerminatingOrFailed")
    if "completions" not in spec:
        _set(spec, parallelism=1)
        if spec["parallelism"] == 1:
            spec["completions"] = 1
    _set(spec, parallelism=1, manualSelector=False)
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
    _set(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _template(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))
    obj.setdefault("status", {})


def _template(spec: Object) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _pod_spec(template.setdefault("spec", {}))


def _pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec)
    _set(spec, enableServiceLinks=True, priority=0, preemptionPolicy="PreemptLowerPriority")
    _set(spec, serviceAccountName="default", serviceAccount="default")
    if "tolerations" not in spec:
        spec["tolerations"] = [
            {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for what in ("not-ready", "unreachable")
        ]
    _set(obj.setdefault("status", {}), phase="Pending", qosClass=_quality(spec))


def _quality(spec: Object) -> str:
    """The quality of service class: from requests and limits of cpu and memory of all containers."""
    resources = [container.get("resources", {}) for container in _containers(spec)]
    if not any(part.get("requests") or part.get("limits") for part in resources):
        return "BestEffort"
    guaranteed = all(
        part.get("limits", {}).get(name) and part.get("requests", {}).get(name) == part["limits"][name]
        for part in resources
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]


def _pod_spec(spec: Object) -> None:
    _set(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    _set(spec, securityContext={}, schedulerName="default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for container in _containers(spec):
        _container(container)
    for volume in spec.get("volumes", []):
        _volume(volume)


def _container(container: Object) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2]
    newest = "@" not in tag and (":" not in tag or tag.endswith(":latest"))
    _set(container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    _set(container, imagePullPolicy="Always" if newest else "IfNotPresent")
    limits = container["resources"].get("limits", {})
    if limits:
        requests = container["resources"].setdefault("requests", {})
        for name, amount in limits.items():
            requests.setdefault(name, amount)
    for port in container.get("ports", []):
        _set(port, protocol="TCP")
    for variable in container.get("env", []):
        if "fieldRef" in variable.get("valueFrom", {}):
            _set(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    for hook in container.get("lifecycle", {}).values():
        if isinstance(hook, dict) and "httpGet" in hook:
            _set(hook["httpGet"], path="/", scheme="HTTP")


def _probe(probe: Object) -> None:
    if "httpGet" in probe:
        _set(probe["httpGet"], path="/", scheme="HTTP")
    _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _volume(volume: Object) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            _set(volume[source], defaultMode=420)
    if len(volume) == 1:
        volume["emptyDir"] = {}


def _service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    _set(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports", []):
        _set(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] != "ExternalName":
        _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack", internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    _set(obj, status={"loadBalancer": {}})


def _secret(obj: Object) -> None:
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(text.encode(errors="replace")).decode()
    _set(obj, type="Opaque")


def _ingress(obj: Object) -> None:
    _set(obj, status={"loadBalancer": {}})


def _claim(obj: Object) -> None:
    _set(obj.setdefault("spec", {}), volumeMode="Filesystem")
    _set(obj.setdefault("status", {}), phase="Pending")


def _autoscaler(obj: Object) -> None:
    _set(obj.setdefault("spec", {}), minReplicas=1)
    _set(obj, status={"desiredReplicas": 0, "currentReplicas": 0})


def _budget(obj: Object) -> None:
    _set(obj, status=dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 0))


_FILLERS: dict[str, Callable[[Object], None]] = {
    "CronJob": _cron_job,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Ingress": _ingress,
    "Job": _job,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "PodDisruptionBudget": _budget,
    "ReplicaSet": _replica_set,
    "Secret": _secret,
    "Service": _service,
}
