"""The embedded cluster alone: its bookkeeping without processes, its watches, its memory."""

import asyncio
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bench.figures import percentile, show, title
from tests.journeys.house import House
from tests.localcluster import hollow
from tests.localcluster.running import Cluster
from tests.ports import free_port

DEPLOYMENTS, PROCESSES = 200, 3
STREAMS = 1000
WRITES = 200
NAMESPACE = "bench"
PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
Object = dict[str, Any]


def measure(_house: House, _folder: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="localcluster-bench-"))
    cluster = Cluster(folder, free_port(), free_port())
    try:
        cluster.start()
        asyncio.run(_measure(cluster))
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(cluster: Cluster) -> None:
    title(f"The embedded cluster: {DEPLOYMENTS} Deployments of {PROCESSES} processes' bookkeeping, without processes")
    show("memory (PSS), empty", f"{_memory(cluster):.0f} MB")
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    async with cluster.async_client(limits=limits) as client:
        await client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})
        await _latency(cluster, client, 1)
        async with hollow.hollow_node(client):
            for version, words in (("v1", "first, until all are complete"), ("v2", "a rolling update of all")):
                seconds, cpu = await _all_complete(cluster, client, version)
                show(words, f"{seconds:.1f} s")
                show("  of that, on the CPU", f"{cpu:.1f} s")
            show("memory (PSS), with them", f"{_memory(cluster):.0f} MB")
            await _latency(cluster, client, STREAMS)
            show(f"memory (PSS), with {STREAMS} streams", f"{_memory(cluster):.0f} MB")


async def _all_complete(cluster: Cluster, client: httpx.AsyncClient, version: str) -> tuple[float, float]:
    """Seconds, and seconds of CPU, from the first apply until the last Deployment is complete."""
    missing = {f"app-{number}" for number in range(DEPLOYMENTS)}
    over, open_ = asyncio.Event(), asyncio.Event()

    async def tell(_type: str, deployment: Object) -> None:
        image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        if image.endswith(version) and hollow.is_complete(deployment):
            missing.discard(deployment["metadata"]["name"])
            if not missing:
                over.set()

    watch = asyncio.create_task(hollow.watch(client, PATH, {}, tell, open_))
    await open_.wait()
    begin, cpu = time.monotonic(), _cpu(cluster)
    for name in sorted(missing):
        body = json.dumps(hollow.deployment(name, replicas=PROCESSES, version=version))
        headers = {"content-type": "application/apply-patch+yaml"}
        (await client.patch(f"{PATH}/{name}?fieldManager=bench", content=body, headers=headers)).raise_for_status()
    await over.wait()
    watch.cancel()
    return time.monotonic() - begin, _cpu(cluster) - cpu


async def _latency(cluster: Cluster, client: httpx.AsyncClient, streams: int) -> None:
    """From the moment a write is sent to its event at one of so many streams that get it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    name = f"ticks-{streams}"
    version = (await client.get(path)).json()["metadata"]["resourceVersion"]
    (await client.post(path, json={"metadata": {"name": name}})).raise_for_status()
    sent: dict[str, float] = {}
    every: list[float] = []
    done = asyncio.Event()
    remaining = streams * WRITES

    async def follow() -> None:
        nonlocal remaining
        async for event in cluster.stream(f"{path}?watch=true&resourceVersion={version}"):
            number_sent = (event["object"]["metadata"].get("annotations") or {}).get("n")
            if number_sent is None:
                opened.release()
                continue
            every.append(1000 * (time.monotonic() - sent[number_sent]))
            remaining -= 1
            if not remaining:
                done.set()

    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(follow()) for _ in range(streams)]
    for _ in tasks:
        await opened.acquire()
    merge = {"content-type": "application/merge-patch+json"}
    for number in range(WRITES):
        sent[str(number)] = time.monotonic()
        await client.patch(
            f"{path}/{name}", content=json.dumps({"metadata": {"annotations": {"n": str(number)}}}), headers=merge
        )
        await asyncio.sleep(0.005 if streams == 1 else 0.1)
    await done.wait()
    for task in tasks:
        task.cancel()
    show(f"write → event, {streams} stream(s) that get it, p50", f"{percentile(every, 50):.1f} ms")
    goal = "20 ms" if streams == 1 else ""
    show(f"write → event, {streams} stream(s) that get it, p95", f"{percentile(every, 95):.1f} ms", target=goal)


def _cpu(cluster: Cluster) -> float:
    assert cluster.process
    fields = Path(f"/proc/{cluster.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _memory(cluster: Cluster) -> float:
    """MiB."""
    assert cluster.process
    text = Path(f"/proc/{cluster.process.pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024
