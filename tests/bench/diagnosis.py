"""A diagnosis of an app in which everything is wrong: 500 processes, 5,000 events; how long, and how large."""

import json
import time
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench import diagnosis_api
from tests.bench.figures import percentile, show, title
from tests.journeys.house import House

Object = dict[str, Any]
PROCESSES, EVENTS, TIMES = 500, 5000, 7
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENDED = {"exitCode": 1, "reason": "Error", "startedAt": "2026-11-21T11:59:00Z", "finishedAt": "2026-11-21T11:59:02Z"}
STATES: tuple[Object, ...] = (
    {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=main"}},
    {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "r.example/shop:1": not found'}},
    {"running": {"startedAt": "2026-11-21T11:50:00Z"}},
)


def measure(house: House, folder: Path) -> None:
    title(f"The diagnosis of {PROCESSES} broken processes and {EVENTS:,} events")
    from tests.databases import for_nothing

    for_nothing()
    from releases.pipeline.diagnosis import Reported, diagnose

    reported = Reported(NOW, **crowd(PROCESSES, EVENTS))
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        findings = diagnose(reported)
        took.append((time.perf_counter() - began) * 1000)
    size = len(json.dumps([finding.as_json() for finding in findings]))
    show("found in what the cluster reports, median", f"{percentile(took, 50):.0f} ms", target="300 ms")
    show("findings, and how large they are", f"{len(findings)}, {size / 1024:.0f} KiB", target="60, 500 KiB")
    diagnosis_api.measure(house, crowd(PROCESSES, EVENTS))


def crowd(processes: int, events: int) -> dict[str, list[Object]]:
    """As the cluster's API gives them: ten services, each process broken in one of three ways, much said about it."""
    services = [f"service-{number}" for number in range(10)]
    pods = [_pod(services[number % 10], number) for number in range(processes)]
    return {
        "deployments": [_deployment(name, processes // 10) for name in services],
        "replica_sets": [_replica_set(name, processes // 10) for name in services],
        "pods": pods,
        "events": [_event(pods[number % len(pods)], number) for number in range(events)],
    }


def _metadata(name: str, service: str, owner: tuple[str, str] | None = None) -> Object:
    labels = {"app.kubernetes.io/managed-by": "deployer", "deployer/service": service, "deployer/release": "R" * 11}
    made: Object = {
        "name": name,
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-11-21T11:45:00Z",
        "labels": labels,
        "annotations": {"deployment.kubernetes.io/revision": "2"},
        "generation": 2,
    }
    if owner:
        kind, of = owner
        made["ownerReferences"] = [{"kind": kind, "name": of, "uid": f"uid-{of}", "controller": True}]
    return made


SPEC: Object = {
    "nodeName": "node-1",
    "containers": [
        {
            "name": "main",
            "image": "registry.example/shop:1",
            "env": [{"name": f"NAME_{number}", "value": "x" * 40} for number in range(20)],
            "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
            "readinessProbe": {"httpGet": {"path": "/health", "port": "main"}, "periodSeconds": 5},
        }
    ],
}


def _deployment(name: str, count: int) -> Object:
    spec = {"replicas": count, "template": {"metadata": {}, "spec": deepcopy(SPEC)}}
    return {"metadata": _metadata(name, name), "spec": spec, "status": {"observedGeneration": 2, "replicas": count}}


def _replica_set(name: str, count: int) -> Object:
    spec = {"replicas": count, "template": {"metadata": {}, "spec": deepcopy(SPEC)}}
    return {"metadata": _metadata(f"{name}-1", name, ("Deployment", name)), "spec": spec, "status": {"replicas": count}}


def _pod(service: str, number: int) -> Object:
    state = STATES[number % 3]
    placed = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-21T11:45:00Z"},
        {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-21T11:45:00Z"},
    ]
    status = {
        "name": "main",
        "image": "registry.example/shop:1",
        "ready": False,
        "restartCount": number % 7 if number % 3 == 0 else 0,
        "state": deepcopy(state),
        "lastState": {"terminated": dict(ENDED)} if number % 3 == 0 else {},
    }
    phase = "Running" if "running" in state else "Pending"
    return {
        "metadata": _metadata(f"{service}-1-{number}", service, ("ReplicaSet", f"{service}-1")),
        "spec": deepcopy(SPEC),
        "status": {"phase": phase, "conditions": placed, "containerStatuses": [status]},
    }


def _event(pod: Object, number: int) -> Object:
    last = NOW - timedelta(seconds=number % 3000)
    return {
        "metadata": {"name": f"event-{number}", "uid": f"uid-event-{number}", "resourceVersion": str(number)},
        "involvedObject": {"kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
        "type": "Warning",
        "reason": "Unhealthy" if number % 2 else "BackOff",
        "message": f"Readiness probe failed: HTTP probe failed with statuscode: 503 {'x' * (number % 900)}",
        "count": number % 40 + 1,
        "lastTimestamp": last.isoformat().replace("+00:00", "Z"),
    }
