"""Many objects, many watches, and its own death: nothing is lost, nothing is told twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.localcluster.hollow import PODS, deployment, hollow_node, is_complete, watch
from tests.localcluster.running import Cluster

DEPLOYMENTS, STREAMS, WRITES = 200, 1000, 10
NAMESPACE = "many"
PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
Object = dict[str, Any]


@pytest.fixture
async def client(own_cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
    async with own_cluster.async_client(limits=limits) as client:
        (await client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}})).raise_for_status()
        yield client


async def apply(client: httpx.AsyncClient, name: str, version: str) -> None:
    body = json.dumps(deployment(name, version=version))
    headers = {"content-type": "application/apply-patch+yaml"}
    (await client.patch(f"{PATH}/{name}?fieldManager=test", content=body, headers=headers)).raise_for_status()


async def all_complete(client: httpx.AsyncClient, names: set[str], version: str) -> None:
    """Waits until all of them are complete with this version."""
    missing, done = set(names), asyncio.Event()

    async def tell(_type: str, found: Object) -> None:
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        if image.endswith(version) and is_complete(found):
            missing.discard(found["metadata"]["name"])
        if not missing:
            done.set()

    watching = asyncio.create_task(watch(client, PATH, {}, tell, asyncio.Event()))
    try:
        async with asyncio.timeout(90):
            await done.wait()
    except TimeoutError:
        pytest.fail(f"not complete: {sorted(missing)}")
    finally:
        watching.cancel()


async def test_two_hundred_deployments_live_through_a_kill(own_cluster, client):
    names = {f"app-{number}" for number in range(DEPLOYMENTS)}
    async with hollow_node(client):
        for name in names:
            await apply(client, name, "v1")
        await all_complete(client, names, "v1")
        for name in sorted(names)[:20]:
            await apply(client, name, "v2")

    # Twenty of them are in the middle of their update.
    before = {item["metadata"]["name"]: item for item in (await client.get(PATH)).json()["items"]}
    own_cluster.stop(kill=True)
    own_cluster.start()
    after = (await client.get(PATH)).json()
    assert {item["metadata"]["name"] for item in after["items"]} == names
    for item in after["items"]:
        known = before[item["metadata"]["name"]]
        assert (item["metadata"]["uid"], item["spec"]) == (known["metadata"]["uid"], known["spec"])
        assert int(after["metadata"]["resourceVersion"]) >= int(known["metadata"]["resourceVersion"])
    old = min(int(item["metadata"]["resourceVersion"]) for item in before.values())
    line = (await client.get(PATH, params={"watch": "true", "resourceVersion": str(old)})).json()
    assert (line["type"], line["object"]["code"], line["object"]["reason"]) == ("ERROR", 410, "Expired")

    async with hollow_node(client):
        await all_complete(client, set(sorted(names)[:20]), "v2")
        await all_complete(client, set(sorted(names)[20:]), "v1")
        owners = Counter(pod["metadata"]["ownerReferences"][0]["uid"] for pod in await pods(client))
    assert len(owners) == DEPLOYMENTS
    assert set(owners.values()) == {3}


async def pods(client: httpx.AsyncClient) -> list[Object]:
    """Those that stay."""
    found = (await client.get(PODS, params={"fieldSelector": "metadata.namespace=" + NAMESPACE})).json()["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


async def test_a_thousand_watches_are_told_everything_once_and_in_order(own_cluster, client):
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    version = (await client.get(path)).json()["metadata"]["resourceVersion"]
    heard: list[list[str]] = [[] for _ in range(STREAMS)]
    opened = asyncio.Semaphore(0)

    async def follow(number: int) -> None:
        # Every second one wants the even ones only.
        selector = "&labelSelector=even%3Dyes" if number % 2 else ""
        async for event in own_cluster.stream(f"{path}?watch=true&resourceVersion={version}{selector}"):
            name = event["object"]["metadata"]["name"]
            if name == "first":
                opened.release()
            elif name == "last":
                return
            else:
                heard[number].append(f"{event['type']} {name}")

    tasks = [asyncio.create_task(follow(number)) for number in range(STREAMS)]
    await create(client, path, "first", even=True)
    for _ in tasks:
        await opened.acquire()
    for number in range(WRITES):
        await create(client, path, f"n-{number}", even=number % 2 == 0)
        (await client.delete(f"{path}/n-{number}")).raise_for_status()
    await create(client, path, "last", even=True)
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    told = {
        step: [f"{type_} n-{number}" for number in range(0, WRITES, step) for type_ in ("ADDED", "DELETED")]
        for step in (1, 2)
    }
    for number, lines in enumerate(heard):
        assert lines == told[2 if number % 2 else 1]


async def create(client: httpx.AsyncClient, path: str, name: str, *, even: bool) -> None:
    labels = {"even": "yes" if even else "no"}
    (await client.post(path, json={"metadata": {"name": name, "labels": labels}})).raise_for_status()


async def test_a_watch_that_does_not_keep_up_is_ended_and_holds_nobody_up(own_cluster, client):
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    version = (await client.get(path)).json()["metadata"]["resourceVersion"]
    slow = own_cluster.stream(f"{path}?watch=true&resourceVersion={version}", limit=2**12)
    await create(client, path, "first", even=True)
    assert (await anext(slow))["object"]["metadata"]["name"] == "first"
    merge = {"content-type": "application/merge-patch+json"}
    for number in range(1500):
        body = json.dumps({"metadata": {"annotations": {"n": str(number), "filling": "x" * 40_000}}})
        (await client.patch(f"{path}/first", content=body, headers=merge)).raise_for_status()
    # What was queued comes first, without a gap; then it is told to list again.
    seen = [event async for event in slow]
    assert [event["object"]["metadata"]["annotations"]["n"] for event in seen[:-1]] == [
        str(number) for number in range(len(seen) - 1)
    ]
    assert len(seen) < 1500
    assert (seen[-1]["type"], seen[-1]["object"]["code"]) == ("ERROR", 410)
