"""What the API server fills in where the specification of a pod says nothing."""

from typing import Any

Object = dict[str, Any]


def fill_pod(obj: Object) -> None:
    """Fills in the defaults of a Pod, in place."""
    spec = obj.setdefault("spec", {})
    fill_pod_spec(spec)
    set_missing(spec, enableServiceLinks=True, priority=0, preemptionPolicy="PreemptLowerPriority")
    set_missing(spec, serviceAccountName="default", serviceAccount="default")
    if "tolerations" not in spec:
        spec["tolerations"] = [
            {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for what in ("not-ready", "unreachable")
        ]
    set_missing(obj.setdefault("status", {}), phase="Pending", qosClass=_quality(spec))


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


def fill_pod_spec(spec: Object) -> None:
    """Fills in the defaults of a pod's or a template's specification, in place."""
    set_missing(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    set_missing(spec, securityContext={}, schedulerName="default-scheduler")
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
    set_missing(container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    set_missing(container, imagePullPolicy="Always" if newest else "IfNotPresent")
    limits = container["resources"].get("limits", {})
    if limits:
        requests = container["resources"].setdefault("requests", {})
        for name, amount in limits.items():
            requests.setdefault(name, amount)
    for port in container.get("ports", []):
        set_missing(port, protocol="TCP")
    for variable in container.get("env", []):
        if "fieldRef" in variable.get("valueFrom", {}):
            set_missing(variable["valueFrom"]["fieldRef"], apiVersion="v1")
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    for hook in container.get("lifecycle", {}).values():
        if isinstance(hook, dict) and "httpGet" in hook:
            set_missing(hook["httpGet"], path="/", scheme="HTTP")


def _probe(probe: Object) -> None:
    if "httpGet" in probe:
        set_missing(probe["httpGet"], path="/", scheme="HTTP")
    set_missing(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _volume(volume: Object) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if source in volume:
            set_missing(volume[source], defaultMode=420)
    if len(volume) == 1:
        volume["emptyDir"] = {}


def set_missing(obj: Object, **values: Any) -> None:
    """Sets what the object does not have."""
    for key, value in values.items():
        obj.setdefault(key, value)
