"""Lists as `kubectl get` prints them: the `meta.k8s.io/v1` Table (Kubernetes API concepts, "Receiving resources as
Tables")."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcluster import clock

Object = dict[str, Any]
Cell = str | int
Columns = tuple[tuple[str, Callable[[Object], Cell]], ...]


def table(kind: str, objects: list[Object], metadata: Object, include: str = "") -> Object:
    """A Table of objects. include is `None`, `Metadata` (default) or `Object`: what each row carries besides its
    cells."""
    columns = _COLUMNS.get(kind, _PLAIN)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [_definition(name, kind) for name, _ in columns],
        "rows": [_row(columns, obj, include) for obj in objects],
    }


def partial(obj: Object) -> Object:
    """Only the metadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _definition(name: str, kind: str) -> Object:
    format_ = "name" if name == "Name" else ""
    wide = 1 if name in _WIDE or (kind, name) == ("Event", "Name") else 0
    return {"name": name, "type": "string", "format": format_, "description": name, "priority": wide}


def _row(columns: Columns, obj: Object, include: str) -> Object:
    row: Object = {"cells": [cell(obj) for _, cell in columns]}
    if include != "None":
        row["object"] = obj if include == "Object" else partial(obj)
    return row


_WIDE = {"Containers", "Images", "Selector", "IP", "Node", "Source", "Count"}


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> str:
    return _since(obj["metadata"].get("creationTimestamp"))


def _since(moment: str | None) -> str:
    if not moment:
        return "<unknown>"
    return duration(int((datetime.now(UTC) - clock.parse(moment)).total_seconds()))


def duration(seconds: int) -> str:
    """As kubectl shortens it: `90s`, `5m30s`, `3h`, `2d4h`."""
    seconds = max(0, seconds)
    if seconds < 120:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 3:
        return f"{hours * 60 + minutes}m"
    days, left = divmod(hours, 24)
    if hours < 8:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d{left}h" if days < 8 and left else f"{days}d"


def _at(*path: str, default: Cell = "") -> Callable[[Object], Cell]:
    def cell(obj: Object) -> Cell:
        value: Any = obj
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def _spec_containers(obj: Object) -> list[Object]:
    spec = obj.get("spec", {})
    return (spec.get("template", {}).get("spec") or spec).get("containers") or []


def _pod_statuses(pod: Object) -> list[Object]:
    return pod.get("status", {}).get("containerStatuses") or []


def _pod_ready(pod: Object) -> str:
    return f"{sum(bool(status.get('ready')) for status in _pod_statuses(pod))}/{len(_spec_containers(pod))}"


def _pod_restarts(pod: Object) -> str:
    statuses = _pod_statuses(pod)
    count = sum(status.get("restartCount", 0) for status in statuses)
    ends = [status.get("lastState", {}).get("terminated", {}).get("finishedAt") for status in statuses]
    newest = max((end for end in ends if end), default=None)
    return f"{count} ({_since(newest)} ago)" if count and newest else str(count)


def _pod_status(pod: Object) -> str:
    """The reason that says most, as kubectl's printer chooses it."""
    status = pod.get("status", {})
    shown = status.get("reason") or status.get("phase", "Unknown")
    for container in reversed(_pod_statuses(pod)):
        state = container.get("state", {})
        if state.get("waiting", {}).get("reason"):
            shown = state["waiting"]["reason"]
        elif "terminated" in state:
            ended = state["terminated"]
            shown = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
    return "Terminating" if "deletionTimestamp" in pod["metadata"] else str(shown)


def _deployment_ready(obj: Object) -> str:
    return f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec'].get('replicas', 0)}"


def _images(obj: Object) -> str:
    return ",".join(container.get("image", "") for container in _spec_containers(obj))


def _container_names(obj: Object) -> str:
    return ",".join(container["name"] for container in _spec_containers(obj))


def _selector(obj: Object) -> str:
    selector = obj["spec"].get("selector") or {}
    labels = selector.get("matchLabels", selector)
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "<none>"


def _ports(service: Object) -> str:
    ports = service["spec"].get("ports", [])
    return ",".join(f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>"


def _job_state(job: Object) -> str:
    conditions = {c["type"] for c in job.get("status", {}).get("conditions", []) if c["status"] == "True"}
    return next((name for name in ("Complete", "Failed", "Suspended") if name in conditions), "Running")


def _completions(job: Object) -> str:
    return f"{job.get('status', {}).get('succeeded', 0)}/{job['spec'].get('completions') or 1}"


def _job_duration(job: Object) -> str:
    status = job.get("status", {})
    if "startTime" not in status:
        return ""
    if "completionTime" not in status:
        return _since(status["startTime"])
    return duration(int((clock.parse(status["completionTime"]) - clock.parse(status["startTime"])).total_seconds()))


def _event_object(event: Object) -> str:
    about = event.get("involvedObject", {})
    return f"{about.get('kind', '').lower()}/{about.get('name', '')}"


def _last_seen(event: Object) -> str:
    return _since(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp"))


def _hosts(ingress: Object) -> str:
    return ",".join(rule.get("host", "*") for rule in ingress["spec"].get("rules", [])) or "*"


def _node_status(node: Object) -> str:
    conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", [])}
    return "Ready" if conditions.get("Ready") == "True" else "NotReady"


def _data(obj: Object) -> int:
    return len(obj.get("data") or {}) + len(obj.get("binaryData") or {})


_PLAIN: Columns = (("Name", _name), ("Age", _age))
_WORKLOAD: Columns = (("Containers", _container_names), ("Images", _images), ("Selector", _selector))
_COLUMNS: dict[str, Columns] = {
    "Pod": (
        ("Name", _name),
        ("Ready", _pod_ready),
        ("Status", _pod_status),
        ("Restarts", _pod_restarts),
        ("Age", _age),
        ("IP", _at("status", "podIP", default="<none>")),
        ("Node", _at("spec", "nodeName", default="<none>")),
    ),
    "Deployment": (
        ("Name", _name),
        ("Ready", _deployment_ready),
        ("Up-to-date", _at("status", "updatedReplicas", default=0)),
        ("Available", _at("status", "availableReplicas", default=0)),
        ("Age", _age),
        *_WORKLOAD,
    ),
    "ReplicaSet": (
        ("Name", _name),
        ("Desired", _at("spec", "replicas", default=0)),
        ("Current", _at("status", "replicas", default=0)),
        ("Ready", _at("status", "readyReplicas", default=0)),
        ("Age", _age),
        *_WORKLOAD,
    ),
    "Service": (
        ("Name", _name),
        ("Type", _at("spec", "type")),
        ("Cluster-IP", _at("spec", "clusterIP", default="<none>")),
        ("External-IP", _at("spec", "externalName", default="<none>")),
        ("Port(s)", _ports),
        ("Age", _age),
        ("Selector", _selector),
    ),
    "Event": (
        ("Last Seen", _last_seen),
        ("Type", _at("type")),
        ("Reason", _at("reason")),
        ("Object", _event_object),
        ("Message", _at("message")),
        ("Source", _at("source", "component")),
        ("Count", _at("count", default=1)),
        ("Name", _name),
    ),
    "Job": (
        ("Name", _name),
        ("Status", _job_state),
        ("Completions", _completions),
        ("Duration", _job_duration),
        ("Age", _age),
    ),
    "Ingress": (
        ("Name", _name),
        ("Class", _at("spec", "ingressClassName", default="<none>")),
        ("Hosts", _hosts),
        ("Address", lambda _: ""),
        ("Ports", lambda ingress: "80, 443" if ingress["spec"].get("tls") else "80"),
        ("Age", _age),
    ),
    "Namespace": (("Name", _name), ("Status", _at("status", "phase")), ("Age", _age)),
    "Node": (
        ("Name", _name),
        ("Status", _node_status),
        ("Roles", lambda _: "<none>"),
        ("Age", _age),
        ("Version", _at("status", "nodeInfo", "kubeletVersion")),
    ),
    "Secret": (("Name", _name), ("Type", _at("type")), ("Data", _data), ("Age", _age)),
    "ConfigMap": (("Name", _name), ("Data", _data), ("Age", _age)),
}
