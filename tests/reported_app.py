"""An app as a cluster reports it, written by hand: what no recording shows is changed in it by each test."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from releases.pipeline import manifests
from releases.pipeline.diagnosis import Known, Reported
from releases.pipeline.service_state import REVISION

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD, NEW = "RAAAAAAAAAA", "RBBBBBBBBBB"
LABELS = {manifests.MANAGED_BY: manifests.MANAGER, manifests.APP: "shop", manifests.SERVICE: "web"}
SELECTOR = {manifests.APP: "shop", manifests.SERVICE: "web"}
Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str, reason: str = "", message: str = "", *, since: float = 86400) -> Object:
    found = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(since)}
    return found | {"lastUpdateTime": ago(since)}


def deployment(*, count: int = 2, available: int = 2, **status: Any) -> Object:
    """At rest for a day, all its processes available."""
    rolled = condition("Progressing", "True", "NewReplicaSetAvailable")
    counts = dict.fromkeys(("readyReplicas", "availableReplicas"), available)
    container = {"name": "main", "image": "shop@sha256:1", "ports": [{"name": "main", "containerPort": 8080}]}
    return {
        "metadata": _metadata("web", "deployment", LABELS) | {"generation": 3, "annotations": {REVISION: "2"}},
        "spec": {
            "replicas": count,
            "progressDeadlineSeconds": 600,
            "template": {
                "metadata": {"labels": LABELS | {manifests.RELEASE: NEW}},
                "spec": {"containers": [container]},
            },
        },
        "status": {
            "observedGeneration": 3,
            "replicas": count,
            "updatedReplicas": count,
            "conditions": [condition("Available", "True" if available else "False"), rolled],
            **counts,
            **status,
        },
    }


def replica_set(uid: str = "new", revision: str = "2", *, conditions: tuple[Object, ...] = ()) -> Object:
    labels = LABELS | {manifests.RELEASE: NEW if uid == "new" else OLD}
    metadata = _metadata(f"web-{uid}", uid, labels, ("Deployment", "web", "deployment"))
    return {
        "metadata": metadata | {"annotations": {REVISION: revision}},
        "status": {"conditions": list(conditions)},
    }


def pod(name: str, *, ready: bool = True, maker: str = "new", age: float = 86400, **metadata: Any) -> Object:
    labels = LABELS | {manifests.RELEASE: NEW if maker == "new" else OLD}
    made = _metadata(name, name, labels, ("ReplicaSet", f"web-{maker}", maker), age) | metadata
    state = {"running": {"startedAt": ago(age)}}
    port = {"name": "main", "containerPort": 8080}
    return {
        "metadata": made,
        "spec": {"containers": [{"name": "main", "ports": [port]}]},
        "status": {
            "phase": "Running",
            "conditions": [condition("Ready", str(ready), since=age)],
            "containerStatuses": [{"name": "main", "ready": ready, "restartCount": 0, "state": state}],
        },
    }


def service_object(**spec: Any) -> Object:
    ports = [{"name": "main", "port": 80, "targetPort": "main"}]
    return {"metadata": _metadata("web", "service", LABELS), "spec": {"selector": SELECTOR, "ports": ports, **spec}}


def ingress(
    service: str = "web", port: Object | None = None, *, name: str = "web", host: str = "shop.example"
) -> Object:
    backend = {"service": {"name": service, "port": port or {"name": "main"}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "backend": backend}]}}
    return {"metadata": _metadata(name, f"ingress-{name}", LABELS), "spec": {"rules": [rule]}}


def reported(**changes: list[Object]) -> Reported:
    """A healthy app of one service with two processes; `changes` replace its objects."""
    objects = {
        "deployments": [deployment()],
        "replica_sets": [replica_set()],
        "pods": [pod("web-1"), pod("web-2")],
        "services": [service_object()],
        "ingresses": [ingress()],
    }
    return Reported(now=NOW, **deepcopy(objects | changes))


def known(**changes: Any) -> Known:
    manifest = {"services": {"web": {"port": 8080, "ports": []}}}
    return Known(**{"app": "shop", "release": NEW, "active": NEW, "manifest": manifest, **changes})


def _metadata(
    name: str, uid: str, labels: dict[str, str], maker: tuple[str, str, str] | None = None, age: float = 86400
) -> Object:
    found: Object = {"name": name, "uid": uid, "namespace": "deployer-shop", "labels": labels}
    found["creationTimestamp"] = ago(age)
    if maker:
        kind, named, uid = maker
        found["ownerReferences"] = [{"kind": kind, "name": named, "uid": uid, "controller": True}]
    return found
