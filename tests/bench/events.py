"""Milliseconds from what happens in the cluster to the sockets of twenty browsers that have the rollout's page open."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from websockets import Origin
from websockets.asyncio.client import ClientConnection, connect

from tests.bench.figures import percentile, show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import Session, cluster_client, path_of
from tests.journeys.house import House

BROWSERS, ROUNDS, PROCESSES = 20, 3, 4
START_SECONDS = 1.5
# What was seen, by a name that both sides know → when, by this machine's clock.
Sighting = dict[tuple[str, str], float]


def measure(house: House, folder: Path) -> None:
    title(f"From the cluster to {BROWSERS} browsers that watch a rollout of {PROCESSES} processes: page and log")
    app = house.app("watched")
    session = house.session()
    # Each takes its time, so that most happens when all browsers have come.
    sides = [app.deployed(sources.slow(folder / version, version, START_SECONDS)) for version in ("v1", "v2")]
    lines: list[float] = []
    squares: list[float] = []
    for number in range(ROUNDS):
        happened, at_logs, at_pages = _rollout(app, session, sides[number % 2])
        lines += _delays(happened, at_logs)
        squares += _delays(happened, at_pages)
    _tell("an event → its line at a log's socket", lines)
    _tell("a process is there → its square at a page's socket", squares)


def _tell(words: str, delays: list[float]) -> None:
    show(f"{words}, p50 of {len(delays):,}", f"{percentile(delays, 50):.0f} ms")
    show("p95", f"{percentile(delays, 95):.0f} ms", target="250 ms")
    show("slowest", f"{max(delays, default=0):.0f} ms")


def _delays(happened: Sighting, seen: list[Sighting]) -> list[float]:
    """Milliseconds, of each browser and each thing that both sides have seen."""
    return [1000 * (each[key] - happened[key]) for each in seen for key in each.keys() & happened.keys()]


def _since(moment: float, happened: Sighting) -> Sighting:
    return {key: then for key, then in happened.items() if then > moment}


def _rollout(app: App, session: Session, release: str) -> tuple[Sighting, list[Sighting], list[Sighting]]:
    happened: Sighting = {}
    over = threading.Event()
    watches = [Watch(app, "events", _of_event, happened, over), Watch(app, "pods", _of_pod, happened, over)]
    for watch in watches:
        watch.start()
        watch.open.wait(10)
    number = app.promote(release)
    opened, at_logs, at_pages = asyncio.run(_browsers(session, f"{app.name}.{number}"))
    over.set()
    for watch in watches:
        watch.join(2)
    return _since(opened, happened), at_logs, at_pages


async def _browsers(session: Session, rollout: str) -> tuple[float, list[Sighting], list[Sighting]]:
    """When all were open, and what each log and each page was told until the rollout was over."""
    async with AsyncExitStack() as stack:
        logs = [await _socket(stack, session, f"/ws/logs/rollout/{rollout}") for _ in range(BROWSERS)]
        pages = [await _socket(stack, session, f"/ws/pages/rollout.{rollout}") for _ in range(BROWSERS)]
        opened = time.monotonic()
        reading = [asyncio.create_task(_page(socket)) for socket in pages]
        at_logs = await asyncio.gather(*map(_log, logs))
        for socket in pages:
            await socket.close()
        return opened, list(at_logs), list(await asyncio.gather(*reading))


async def _socket(stack: AsyncExitStack, session: Session, path: str) -> ClientConnection:
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.http.cookies.jar)
    address = session.url.replace("http", "ws", 1) + path
    headers = {"Cookie": cookies}
    opening = connect(address, additional_headers=headers, origin=Origin(session.url), proxy=None, max_size=None)
    return await stack.enter_async_context(opening)


async def _log(socket: ClientConnection) -> Sighting:
    seen: Sighting = {}
    async for text in socket:
        now, frame = time.monotonic(), json.loads(text)
        for line in frame["lines"]:
            seen.setdefault((line["stream"].removeprefix("system/k8s/"), line["message"]), now)
        if frame["finished"]:
            break
    return seen


async def _page(socket: ClientConnection) -> Sighting:
    """When each process was first named on the page."""
    seen: Sighting = {}
    async for text in socket:
        now = time.monotonic()
        for part in str(text).split('title="')[1:]:
            seen.setdefault((part.split(" ", 1)[0], "there"), now)
    return seen


def _of_event(told: dict[str, Any]) -> tuple[str, str] | None:
    of = told["object"].get("involvedObject")
    return (of["name"], told["object"].get("message", "")) if of else None


def _of_pod(told: dict[str, Any]) -> tuple[str, str] | None:
    return (told["object"]["metadata"]["name"], "there") if told["type"] == "ADDED" else None


class Watch(threading.Thread):
    """When each thing was first seen on a watch of the cluster's own API."""

    def __init__(self, app: App, kind: str, key_of: Callable, happened: Sighting, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.app, self.kind, self.key_of, self.happened, self.over = app, kind, key_of, happened, over
        self.open = threading.Event()

    def run(self) -> None:
        path = path_of(self.kind, self.app.namespace)
        with cluster_client(self.app.house.home / "kubeconfig") as cluster:
            version = cluster.get(path).json()["metadata"]["resourceVersion"]
            params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "60"}
            with cluster.stream("GET", path, params=params, timeout=90) as lines:
                self.open.set()
                for line in lines.iter_lines():
                    if self.over.is_set():
                        return
                    if line and (key := self.key_of(json.loads(line))):
                        self.happened.setdefault(key, time.monotonic())
