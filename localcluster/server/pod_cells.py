"""How a pod's row says what goes on in it: kubectl's READY, STATUS and RESTARTS (Kubernetes' printers)."""

from dataclasses import dataclass, field

from localcluster.server.cells import NONE, Cell, Column, Object, age, at, name, since, true_conditions

_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass
class _Summary:
    """What is counted and chosen while a pod's containers are looked through."""

    reason: str
    ready: int = 0
    restarts: int = 0
    ends: list[str] = field(default_factory=list)
    is_initializing: bool = False
    sidecar_restarts: int = 0
    sidecar_ends: list[str] = field(default_factory=list)


def _summary(pod: Object) -> _Summary:
    status = pod.get("status", {})
    summary = _Summary(status.get("reason") or status.get("phase") or "Unknown")
    if any(c.get("reason") == "SchedulingGated" for c in status.get("conditions") or []):
        summary.reason = "SchedulingGated"
    _look_through_init(pod, summary)
    if not summary.is_initializing or "Initialized" in true_conditions(pod):
        _look_through(pod, summary)
    if "deletionTimestamp" in pod["metadata"]:
        if status.get("reason") == "NodeLost":
            summary.reason = "Unknown"
        elif status.get("phase") not in _ENDED:
            summary.reason = "Terminating"
    return summary


def _look_through_init(pod: Object, summary: _Summary) -> None:
    """Stops at the first init container that is not done."""
    listed = pod["spec"].get("initContainers") or []
    sidecars = _sidecars(pod)
    for place, container in enumerate(pod.get("status", {}).get("initContainerStatuses") or []):
        is_sidecar = container.get("name") in sidecars
        summary.restarts += container.get("restartCount", 0)
        summary.ends += _last_ends(container)
        if is_sidecar:
            summary.sidecar_restarts += container.get("restartCount", 0)
            summary.sidecar_ends += _last_ends(container)
        state = container.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended is not None and ended.get("exitCode") == 0:
            continue
        if is_sidecar and container.get("started"):
            summary.ready += bool(container.get("ready"))
            continue
        if ended is not None:
            summary.reason = f"Init:{_ending(ended)}"
        elif waiting.get("reason") not in (None, "", "PodInitializing"):
            summary.reason = f"Init:{waiting['reason']}"
        else:
            summary.reason = f"Init:{place}/{len(listed)}"
        summary.is_initializing = True
        return


def _look_through(pod: Object, summary: _Summary) -> None:
    summary.restarts, summary.ends = summary.sidecar_restarts, summary.sidecar_ends
    is_any_running = False
    for container in reversed(pod.get("status", {}).get("containerStatuses") or []):
        summary.restarts += container.get("restartCount", 0)
        summary.ends += _last_ends(container)
        state = container.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            summary.reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            summary.reason = _ending(state["terminated"])
        elif container.get("ready") and "running" in state:
            is_any_running = True
            summary.ready += 1
    if summary.reason == "Completed" and is_any_running:
        summary.reason = "Running" if "Ready" in true_conditions(pod) else "NotReady"


def _ending(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _last_ends(container: Object) -> list[str]:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    return [ended["finishedAt"]] if ended.get("finishedAt") else []


def _sidecars(pod: Object) -> set[str]:
    listed = pod["spec"].get("initContainers") or []
    return {container["name"] for container in listed if container.get("restartPolicy") == "Always"}


def _ready(pod: Object) -> str:
    return f"{_summary(pod).ready}/{len(pod['spec'].get('containers') or []) + len(_sidecars(pod))}"


def _restarts(pod: Object) -> str:
    summary = _summary(pod)
    newest = max(summary.ends, default=None)
    return f"{summary.restarts} ({since(newest)} ago)" if summary.restarts and newest else str(summary.restarts)


def _address(pod: Object) -> Cell:
    listed = pod.get("status", {}).get("podIPs") or []
    return (listed[0].get("ip") if listed else pod.get("status", {}).get("podIP")) or NONE


def _gates(pod: Object) -> str:
    gates = [gate.get("conditionType") for gate in pod["spec"].get("readinessGates") or []]
    return f"{len(true_conditions(pod) & set(gates))}/{len(gates)}" if gates else NONE


def conditions(pod: Object) -> list[Object]:
    """Of a pod's row: that it has ended."""
    phase = pod.get("status", {}).get("phase")
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]


COLUMNS = (
    Column("Name", name),
    Column("Ready", _ready),
    Column("Status", lambda pod: _summary(pod).reason),
    Column("Restarts", _restarts),
    Column("Age", age),
    Column("IP", _address, True),
    Column("Node", at("spec", "nodeName", default=NONE), True),
    Column("Nominated Node", at("status", "nominatedNodeName", default=NONE), True),
    Column("Readiness Gates", _gates, True),
)
