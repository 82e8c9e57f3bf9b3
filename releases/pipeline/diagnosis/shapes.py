"""What a cluster reports, in the shapes that its API promises: whatever else stands there is left out. Pure.

A cluster's API keeps its types, but what is between us and it, or an older version, need not: a diagnosis is looked at
when things are wrong, and does not break then.
"""

import re
from datetime import datetime
from typing import Any

from releases.pipeline.diagnosis.reported import Object, Reported


class Texts:
    """An object whose values are text."""


class Share:
    """A number, or so many per cent."""


class Time:
    """As the cluster writes it, with its zone."""


NUMBER, YES = int, bool
NUMBER_MOST = 10**10
TIME = re.compile(r"(19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
CONDITION = {
    **dict.fromkeys(("type", "status", "reason", "message"), str),
    **dict.fromkeys(("lastTransitionTime", "lastUpdateTime"), Time),
}
ENDED = {"reason": str, "message": str, "startedAt": Time, "finishedAt": Time, "exitCode": NUMBER, "signal": NUMBER}
STATE = {"waiting": {"reason": str, "message": str}, "running": {"startedAt": Time}, "terminated": ENDED}
CONTAINER_STATUS = {
    **dict.fromkeys(("name", "image", "imageID"), str),
    "ready": YES,
    "started": YES,
    "restartCount": NUMBER,
    "state": STATE,
    "lastState": STATE,
}
METADATA = {
    **dict.fromkeys(("name", "namespace", "uid"), str),
    **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), Time),
    "labels": Texts,
    "annotations": Texts,
    "generation": NUMBER,
    "deletionGracePeriodSeconds": NUMBER,
    "ownerReferences": [{"kind": str, "name": str, "uid": str, "controller": YES}],
    "managedFields": [{"manager": str, "fieldsV1": {}}],
}
PORT = {"name": str, "containerPort": NUMBER}
PROBE: Object = {"httpGet": {}, "tcpSocket": {}, "exec": {}}
CONTAINER = {
    "name": str,
    "image": str,
    "command": [str],
    "args": [str],
    "ports": [PORT],
    "resources": {"limits": {}, "requests": {}},
    "readinessProbe": PROBE,
    "livenessProbe": PROBE,
    "startupProbe": PROBE,
}
POD_SPEC = {"nodeName": str, "containers": [CONTAINER], "initContainers": [CONTAINER], "volumes": [{"name": str}]}
TEMPLATE = {"metadata": {"labels": Texts, "annotations": Texts}, "spec": POD_SPEC}
COUNTS = dict.fromkeys(
    ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "unavailableReplicas", "observedGeneration"),
    NUMBER,
)
OF_REPLICAS = {
    "metadata": METADATA,
    "spec": {
        "replicas": NUMBER,
        "paused": YES,
        "progressDeadlineSeconds": NUMBER,
        "minReadySeconds": NUMBER,
        "selector": {"matchLabels": Texts},
        "strategy": {"type": str, "rollingUpdate": {"maxSurge": Share, "maxUnavailable": Share}},
        "template": TEMPLATE,
    },
    "status": COUNTS | {"conditions": [CONDITION]},
}
POD = {
    "metadata": METADATA,
    "spec": POD_SPEC,
    "status": {
        **dict.fromkeys(("phase", "reason", "message", "podIP"), str),
        "startTime": Time,
        "conditions": [CONDITION],
        "containerStatuses": [CONTAINER_STATUS],
        "initContainerStatuses": [CONTAINER_STATUS],
    },
}
JOB = {
    "metadata": METADATA,
    "spec": {"suspend": YES, "activeDeadlineSeconds": NUMBER, "backoffLimit": NUMBER, "template": TEMPLATE},
    "status": {
        **dict.fromkeys(("active", "failed", "succeeded"), NUMBER),
        **dict.fromkeys(("startTime", "completionTime"), Time),
        "conditions": [CONDITION],
    },
}
EVENT = {
    "metadata": METADATA,
    **dict.fromkeys(("type", "reason", "message"), str),
    **dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"), Time),
    "count": NUMBER,
    "series": {"count": NUMBER, "lastObservedTime": Time},
    "involvedObject": dict.fromkeys(("kind", "name", "namespace", "uid", "fieldPath"), str),
    "source": {"component": str},
}
BACKEND = {"service": {"name": str, "port": {"name": str, "number": NUMBER}}}
OTHERS: dict[str, Object] = {
    "services": {"metadata": METADATA, "spec": {"selector": Texts, "ports": [{"name": str, "port": NUMBER}]}},
    "ingresses": {
        "metadata": METADATA,
        "spec": {"defaultBackend": BACKEND, "rules": [{"host": str, "http": {"paths": [{"backend": BACKEND}]}}]},
    },
    "autoscalers": {
        "metadata": METADATA,
        "spec": {"scaleTargetRef": {"kind": str, "name": str}, "minReplicas": NUMBER, "maxReplicas": NUMBER},
        "status": {"currentReplicas": NUMBER, "desiredReplicas": NUMBER, "conditions": [CONDITION]},
    },
    "budgets": {
        "metadata": METADATA,
        "spec": {"selector": {"matchLabels": Texts}},
        "status": dict.fromkeys(
            ("currentHealthy", "desiredHealthy", "expectedPods", "disruptionsAllowed", "observedGeneration"), NUMBER
        )
        | {"conditions": [CONDITION]},
    },
    "claims": {"metadata": METADATA, "status": {"phase": str, "conditions": [CONDITION]}},
}
SHAPES: dict[str, Object] = {
    "deployments": OF_REPLICAS,
    "replica_sets": OF_REPLICAS,
    "pods": POD,
    "jobs": JOB,
    "events": EVENT,
    **OTHERS,
}


class Tame(Reported):
    """What was tamed already: large lists are walked through once."""


def tamed(reported: Reported) -> Reported:
    """With objects of which everything that is read has its type, or is not there: null is not there.

    Objects without a name are left out; one without a uid gets its name for it. Twice the same as once.
    """
    if isinstance(reported, Tame):
        return reported
    tame: dict[str, Any] = {kind: _objects(getattr(reported, kind), shape) for kind, shape in SHAPES.items()}
    return Tame(**{**vars(reported), **tame})


def _objects(found: Any, shape: Object) -> list[Object]:
    if not isinstance(found, list | tuple):
        return []
    tame = [_object(obj, shape) for obj in found if isinstance(obj, dict)]
    named = [obj for obj in tame if obj.get("metadata", {}).get("name")]
    for obj in named:
        obj["metadata"].setdefault("uid", obj["metadata"]["name"])
        obj["metadata"].setdefault("creationTimestamp", "")
        for owner in obj["metadata"].get("ownerReferences", []):
            owner.setdefault("uid", "")
    return named


def _object(value: Object, shape: Object) -> Object:
    """A copy as far as it is read."""
    made = {}
    for key, part in value.items():
        if key not in shape:
            made[key] = part
            continue
        tame = _value(part, shape[key])
        if tame is not None:
            made[key] = tame
    return made


def _value(value: Any, shape: Any) -> Any:
    """None for what has another type."""
    if isinstance(shape, dict):
        return _object(value, shape) if isinstance(value, dict) else None
    if isinstance(shape, list):
        items = [_value(item, shape[0]) for item in value] if isinstance(value, list) else []
        return [item for item in items if item is not None]
    if shape is Texts:
        return _texts(value)
    if shape is Share and isinstance(value, str):
        return value if re.fullmatch(r"\d{1,6}%", value, re.ASCII) else None
    if shape in (NUMBER, Share):
        return value if _is_number(value) else None
    if shape is Time:
        return value if isinstance(value, str) and _is_time(value) else None
    return value if isinstance(value, shape) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= NUMBER_MOST


def _is_time(text: str) -> bool:
    if not TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}
