"""A node without processes: its pods become ready because we say so, as kwok does. What remains is the bookkeeping."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

Object = dict[str, Any]

NODE = "hollow"
SIZE = {"cpu": "100000", "memory": "100000Gi", "pods": "100000"}
PODS = "/api/v1/pods"


def node() -> Object:
    """The Node, big enough for everything, and ready."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "it says so"}
    status = {"capacity": SIZE, "allocatable": SIZE, "conditions": [ready]}
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": NODE, "labels": {"type": NODE}}, "status": status}


def deployment(name: str, *, replicas: int = 3, version: str = "v1") -> Object:
    """A Deployment whose pods go to the hollow node."""
    container = {"name": "main", "image": f"registry.test/{name}:{version}"}
    pod = {"containers": [container], "nodeSelector": {"type": NODE}}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def is_complete(deployment: Object) -> bool:
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return seen and counts == [wanted] * 4


@contextlib.asynccontextmanager
async def hollow_node(client: httpx.AsyncClient) -> AsyncIterator[None]:
    """Makes the node and plays its kubelet until the end of the block."""
    body = node()
    made = await client.post("/api/v1/nodes", json=body)
    if made.status_code == 201:
        (
            await client.put(f"/api/v1/nodes/{NODE}/status", json={**made.json(), "status": body["status"]})
        ).raise_for_status()
    ready = asyncio.Event()
    kubelet = asyncio.create_task(watch(client, PODS, {"fieldSelector": f"spec.nodeName={NODE}"}, _play(client), ready))
    await ready.wait()
    try:
        yield
    finally:
        kubelet.cancel()
        await asyncio.gather(kubelet, return_exceptions=True)


async def watch(
    client: httpx.AsyncClient,
    path: str,
    params: dict[str, str],
    tell: Callable[[str, Object], Awaitable[None]],
    open_: asyncio.Event,
) -> None:
    """Tells every event of a watch, the present objects first, until it is cancelled."""
    async with client.stream("GET", path, params={**params, "watch": "true"}, timeout=None) as answer:
        open_.set()
        async for line in answer.aiter_lines():
            event = json.loads(line)
            await tell(event["type"], event["object"])


def _play(client: httpx.AsyncClient) -> Callable[[str, Object], Awaitable[None]]:
    running: set[asyncio.Task[None]] = set()
    started: set[str] = set()

    async def tell(type_: str, pod: Object) -> None:
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if type_ == "DELETED":
            return
        if meta.get("deletionTimestamp"):
            todo = client.request("DELETE", path, json={"gracePeriodSeconds": 0})
        elif meta["uid"] not in started:
            started.add(meta["uid"])
            merge = {"content-type": "application/merge-patch+json"}
            todo = client.patch(f"{path}/status", content=json.dumps({"status": _running(pod)}), headers=merge)
        else:
            return
        task = asyncio.create_task(_done(todo))
        running.add(task)
        task.add_done_callback(running.discard)

    return tell


async def _done(todo: Awaitable[httpx.Response]) -> None:
    answer = await todo
    if answer.status_code not in (200, 404):
        raise AssertionError(answer.text)


def _running(pod: Object) -> Object:
    now = pod["metadata"]["creationTimestamp"]
    kept = [item for item in (pod["status"].get("conditions") or []) if item["type"] == "PodScheduled"]
    ready = [{"type": type_, "status": "True", "lastTransitionTime": now} for type_ in ("Ready", "ContainersReady")]
    container = pod["spec"]["containers"][0]
    state = {"running": {"startedAt": now}}
    status = {"name": container["name"], "image": container["image"], "imageID": "", "ready": True, "restartCount": 0}
    return {"phase": "Running", "conditions": kept + ready, "containerStatuses": [{**status, "state": state}]}
