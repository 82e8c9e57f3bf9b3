"""Pods: what a pod's object says, and the status that the kubelet reports. Pure.

The status is that of the recordings first-deploy, crash-loop and job-success.
"""

from dataclasses import dataclass, field
from typing import Any

HOST_IP = "127.0.0.1"
NODE = "localcluster"
DEFAULT_GRACE = 30

Object = dict[str, Any]


def condition(pod: Object, type_: str) -> Object | None:
    for found in (pod.get("status") or {}).get("conditions") or []:
        if found["type"] == type_:
            return found
    return None


def is_ready(pod: Object) -> bool:
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def phase(pod: Object) -> str:
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_finished(pod: Object) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def is_terminating(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted: counts as a replica."""
    return not is_finished(pod) and not is_terminating(pod)


def serves(pod: Object) -> bool:
    """Whether new requests may go to it."""
    return is_ready(pod) and is_active(pod)


def grace(pod: Object) -> float:
    """Seconds between SIGTERM and SIGKILL."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is None:
        asked = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
    return float(DEFAULT_GRACE if asked is None else asked)


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort (Kubernetes documentation, "Pod Quality of Service Classes")."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    stated = [container.get("resources") or {} for container in containers]
    if not any(resources.get(part) for resources in stated for part in ("limits", "requests")):
        return "BestEffort"
    for resources in stated:
        limits = resources.get("limits") or {}
        requests = {**limits, **(resources.get("requests") or {})}
        if any(not limits.get(name) or limits[name] != requests[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


@dataclass
class ContainerState:
    """What the kubelet knows of one container; `state` and `last_state` are ContainerStates of the API."""

    name: str
    image: str
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restart_count: int = 0
    image_id: str = ""
    container_id: str = ""
    resources: Object = field(default_factory=dict)

    @property
    def terminated(self) -> Object | None:
        return self.state.get("terminated")

    def body(self) -> Object:
        status: Object = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "restartCount": self.restart_count,
            "image": self.image,
            "imageID": self.image_id,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        status["started"] = self.started
        if self.container_id and self.resources:
            status["resources"] = self.resources
        return status


@dataclass(frozen=True)
class PodFacts:
    """What a pod's status is made of, apart from the pod itself."""

    containers: list[ContainerState]
    sandbox: bool
    """Whether the pod's folder and port are there (PodReadyToStartContainers)."""
    finished: bool = False
    """Nothing runs any more and nothing will be started."""
    now: str = ""


def status(pod: Object, facts: PodFacts) -> Object:
    """The pod's new status; what is the same as before keeps its times."""
    old = pod.get("status") or {}
    containers = facts.containers
    new: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": _phase(facts),
        "conditions": _conditions(pod, facts),
        "hostIP": HOST_IP,
        "hostIPs": [{"ip": HOST_IP}],
    }
    if old.get("podIP") or any(container.container_id or "waiting" not in container.state for container in containers):
        new |= {"podIP": HOST_IP, "podIPs": [{"ip": HOST_IP}]}
    new["startTime"] = old.get("startTime") or facts.now
    new["containerStatuses"] = [container.body() for container in containers]
    new["qosClass"] = old.get("qosClass") or qos_class(pod["spec"])
    return new


def _phase(facts: PodFacts) -> str:
    if facts.finished and all(container.terminated for container in facts.containers):
        failed = any(_exit_code(container) for container in facts.containers)
        return "Failed" if failed else "Succeeded"
    if facts.finished:
        return "Failed"
    if any(not _has_run(container) for container in facts.containers):
        return "Pending"
    return "Running"


def _has_run(container: ContainerState) -> bool:
    return "waiting" not in container.state or bool(container.last_state)


def _exit_code(container: ContainerState) -> int:
    return (container.terminated or {}).get("exitCode", 0)


def _conditions(pod: Object, facts: PodFacts) -> list[Object]:
    unready = [container.name for container in facts.containers if not container.ready]
    ready = _readiness(pod, facts, unready)
    completed = ready.get("reason") == "PodCompleted"
    wanted: list[tuple[str, Object]] = [
        ("PodReadyToStartContainers", {"status": _truth(facts.sandbox and not facts.finished)}),
        ("Initialized", {"status": "True"} | ({"reason": "PodCompleted"} if completed else {})),
        ("Ready", ready),
        ("ContainersReady", dict(ready)),
        ("PodScheduled", {"status": "True"}),
    ]
    return [_condition(pod, type_, values, facts.now) for type_, values in wanted]


def _readiness(pod: Object, facts: PodFacts, unready: list[str]) -> Object:
    if not unready:
        return {"status": "True"}
    over = facts.finished or (pod["spec"].get("restartPolicy") == "Never")
    if over and all(container.terminated for container in facts.containers):
        failed = any(_exit_code(container) for container in facts.containers)
        return {"status": "False", "reason": "PodFailed" if failed else "PodCompleted"}
    names = " ".join(unready)
    return {
        "status": "False",
        "reason": "ContainersNotReady",
        "message": f"containers with unready status: [{names}]",
    }


def _condition(pod: Object, type_: str, values: Object, now: str) -> Object:
    old = condition(pod, type_)
    since = old["lastTransitionTime"] if old and old["status"] == values["status"] else now
    new = {
        "type": type_,
        "observedGeneration": pod["metadata"].get("generation", 1),
        "status": values["status"],
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    return new | {key: values[key] for key in ("reason", "message") if key in values}


def _truth(value: bool) -> str:
    return "True" if value else "False"
