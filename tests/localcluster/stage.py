"""A node without a kubelet: what its pods do is played by a test, by writing their status."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.localcluster.conftest import eventually

Object = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Stage:
    """One namespace of a cluster and one node, to which pods with `selector` are bound."""

    api: httpx.Client
    namespace: str
    node: str

    @property
    def selector(self) -> Object:
        return {"stage": self.node}

    def path(self, kind: str, name: str = "") -> str:
        """The address of a kind's plural, or of one object: `stage.path("batch/v1/jobs", "migrate")`."""
        group, _, plural = kind.rpartition("/")
        prefix = f"/apis/{group}" if group else "/api/v1"
        return f"{prefix}/namespaces/{self.namespace}/{plural}{'/' + name if name else ''}"

    def make(self, kind: str, body: Object) -> Object:
        answer = self.api.post(self.path(kind), json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def get(self, kind: str, name: str) -> Object:
        answer = self.api.get(self.path(kind, name))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def find(self, kind: str, name: str) -> Object | None:
        answer = self.api.get(self.path(kind, name))
        return dict(answer.json()) if answer.status_code == 200 else None

    def list(self, kind: str, **query: str) -> list[Object]:
        return list(self.api.get(self.path(kind), params=query).json()["items"])

    def patch(self, kind: str, name: str, change: Object, part: str = "") -> Object:
        """A merge patch of an object or of a subresource of it (`/status`)."""
        headers = {"content-type": "application/merge-patch+json"}
        answer = self.api.patch(self.path(kind, name) + part, content=json.dumps(change), headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def delete(self, kind: str, name: str, **options: Any) -> None:
        answer = self.api.request("DELETE", self.path(kind, name), json=options)
        assert answer.status_code == 200, answer.text

    def pod_spec(self, cpu: str = "", **spec: Any) -> Object:
        resources = {"resources": {"requests": {"cpu": cpu}}} if cpu else {}
        container = {"name": "main", "image": "registry.test/main:v1", **resources}
        return {"containers": [container], "nodeSelector": self.selector, **spec}

    def pods(self, **query: str) -> "list[Object]":
        return self.list("pods", **query)

    def play(self, pod: str, phase: str, *, exit_code: int = 0, restarts: int = 0) -> None:
        """Writes what a kubelet would report of a pod with one container."""
        ready = phase == "Running"
        state: Object = {"running": {"startedAt": now()}}
        if not ready:
            state = {"terminated": {"exitCode": exit_code, "reason": "Error", "startedAt": now(), "finishedAt": now()}}
        container = {"name": "main", "image": "main:v1", "imageID": "", "ready": ready, "restartCount": restarts}
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": now()}
        status = {"phase": phase, "conditions": [condition], "containerStatuses": [container | {"state": state}]}
        self.patch("pods", pod, {"status": status}, "/status")

    def reasons(self, name: str) -> "list[tuple[str, str]]":
        """Reason and message of the Events about an object, in order of their making."""
        found = self.list("events", fieldSelector=f"involvedObject.name={name}")
        found.sort(key=lambda event: str(event["metadata"]["name"].rpartition(".")[2]))
        return [(event["reason"], event["message"]) for event in found]


@contextmanager
def open_stage(api: httpx.Client, namespace: str, *, cpu: str = "4", memory: str = "8Gi") -> Iterator[Stage]:
    """A node of its own for the length of the block, with room for that much."""
    name = f"stage-{uuid.uuid4().hex[:8]}"
    room = {"cpu": cpu, "memory": memory, "pods": "20"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}
    status = {"capacity": room, "allocatable": room, "conditions": [ready]}
    made = api.post("/api/v1/nodes", json={"metadata": {"name": name, "labels": {"stage": name}}})
    assert made.status_code == 201, made.text
    put = api.put(f"/api/v1/nodes/{name}/status", json={**made.json(), "status": status})
    assert put.status_code == 200, put.text
    stage = Stage(api, namespace, name)
    try:
        yield stage
    finally:
        for pod in stage.pods():
            stage.patch("pods", pod["metadata"]["name"], {"metadata": {"finalizers": None}})
            api.request("DELETE", stage.path("pods", pod["metadata"]["name"]), json={"gracePeriodSeconds": 0})
        api.delete(f"/api/v1/nodes/{name}")


def condition(obj: Object, type_: str) -> Object:
    found = [item for item in (obj.get("status") or {}).get("conditions") or [] if item["type"] == type_]
    return found[0] if found else {}


def bound(stage: Stage, name: str) -> Object | None:
    """The pod, once it has a node."""
    pod = stage.get("pods", name)
    return pod if pod["spec"].get("nodeName") else None


def wait_for_pods(stage: Stage, count: int, **query: str) -> list[Object]:
    """That many pods, all bound."""

    def found() -> list[Object] | None:
        pods = [pod for pod in stage.pods(**query) if not pod["metadata"].get("deletionTimestamp")]
        return pods if len(pods) == count and all(pod["spec"].get("nodeName") for pod in pods) else None

    return list(eventually(found))
