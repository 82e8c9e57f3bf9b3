"""The status of a pod, as the kubelet reports it. Pure.

It is that of the recordings first-deploy, crash-loop, job-success, job-failure and job-bad-image.
"""

from typing import Any

from localcluster.kubelet import shares
from localcluster.kubelet.facts import ContainerState, PodFacts
from localcluster.kubelet.pods import HOST_IP, condition, qos_class

Object = dict[str, Any]

OVERDUE = "Pod was active on the node longer than the specified deadline"


def status_of(pod: Object, facts: PodFacts) -> Object:
    """The pod's new status; what is the same as before keeps its times."""
    old = pod.get("status") or {}
    seen = [*facts.init, *facts.containers]
    new: Object = {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": _phase(facts),
        "conditions": _conditions(pod, facts),
        "hostIP": HOST_IP,
        "hostIPs": [{"ip": HOST_IP}],
    }
    if facts.finished and facts.overdue:
        new |= {"reason": "DeadlineExceeded", "message": OVERDUE}
    if old.get("podIP") or any(_is_known(container) for container in seen):
        new |= {"podIP": HOST_IP, "podIPs": [{"ip": HOST_IP}]}
    new["startTime"] = old.get("startTime") or facts.now
    if facts.init:
        new["initContainerStatuses"] = [container.body() for container in facts.init]
    new["containerStatuses"] = [container.body() for container in facts.containers]
    new["qosClass"] = old.get("qosClass") or qos_class(pod["spec"])
    return new | shares.of_pod(pod["spec"])


def _is_known(container: ContainerState) -> bool:
    """Whether anything has come of it yet."""
    waiting = container.state.get("waiting")
    return bool(container.container_id) or waiting is None or waiting["reason"] != container.first_reason


def _phase(facts: PodFacts) -> str:
    if facts.finished:
        failed = any(_exit_code(container) != 0 for container in [*_ordinary(facts), *facts.containers])
        return "Failed" if failed or facts.overdue else "Succeeded"
    if _uninitialized(facts) or any(not _has_run(container) for container in facts.containers):
        return "Pending"
    return "Running"


def _ordinary(facts: PodFacts) -> list[ContainerState]:
    """The init containers that have to end: how a sidecar ends is of no account."""
    return [container for container in facts.init if not container.sidecar]


def _uninitialized(facts: PodFacts) -> list[str]:
    """The names of the init containers that hold the others back."""
    return [
        container.name
        for container in facts.init
        if not (_has_started(container) if container.sidecar else _exit_code(container) == 0)
    ]


def _has_started(container: ContainerState) -> bool:
    return container.started or bool(container.last_state) or container.terminated is not None


def _has_run(container: ContainerState) -> bool:
    return "waiting" not in container.state or bool(container.last_state)


def _exit_code(container: ContainerState) -> int | None:
    """None if it has not ended."""
    return container.terminated["exitCode"] if container.terminated else None


def _conditions(pod: Object, facts: PodFacts) -> list[Object]:
    ready = _readiness(pod, facts)
    wanted: list[tuple[str, Object]] = [
        ("PodReadyToStartContainers", {"status": _truth(facts.sandbox and not facts.finished)}),
        ("Initialized", _initialization(facts, completed=ready.get("reason") == "PodCompleted")),
        ("Ready", ready),
        ("ContainersReady", dict(ready)),
        ("PodScheduled", {"status": "True"}),
    ]
    return [_condition(pod, type_, values, facts.now) for type_, values in wanted]


def _initialization(facts: PodFacts, *, completed: bool) -> Object:
    if completed:
        return {"status": "True", "reason": "PodCompleted"}
    names = " ".join(_uninitialized(facts))
    if not names:
        return {"status": "True"}
    message = f"containers with incomplete status: [{names}]"
    return {"status": "False", "reason": "ContainersNotInitialized", "message": message}


def _readiness(pod: Object, facts: PodFacts) -> Object:
    unready = [container.name for container in facts.init if container.sidecar and not container.ready]
    unready += [container.name for container in facts.containers if not container.ready]
    if not unready:
        return {"status": "True"}
    over = facts.finished or pod["spec"].get("restartPolicy") == "Never"
    # What never ran is not said to have failed (recording job-bad-image).
    if over and all(container.terminated and container.container_id for container in facts.containers):
        failed = any(_exit_code(container) != 0 for container in facts.containers)
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
