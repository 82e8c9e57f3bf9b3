"""Milliseconds from an event in the cluster to its line at a websocket client."""

import json
import threading
import time
from pathlib import Path

from tests.bench.figures import percentile, show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import Session, cluster_client, path_of
from tests.journeys.house import House

ROUNDS = 5
Sighting = dict[tuple[str, str], float]


def measure(house: House, folder: Path) -> None:
    title(f"From an event of the cluster to the browser's websocket, in {ROUNDS} rollouts of 4 processes")
    app = house.app("events")
    session = house.session()
    releases = [app.deployed(sources.serving(folder / version, version, count=4)) for version in ("v1", "v2")]
    delays: list[float] = []
    for number in range(ROUNDS):
        in_cluster, at_client = _rollout(app, session, releases[number % 2])
        delays += [1000 * (at_client[key] - in_cluster[key]) for key in at_client.keys() & in_cluster.keys()]
    show("events seen", str(len(delays)))
    show("p50", f"{percentile(delays, 50):.0f} ms")
    show("p95", f"{percentile(delays, 95):.0f} ms", target="250 ms")
    show("slowest", f"{max(delays, default=0):.0f} ms")


def _rollout(app: App, session: Session, release: str) -> tuple[Sighting, Sighting]:
    """When each event was first seen on a watch of the cluster's own API, and when its line was at the client."""
    in_cluster: Sighting = {}
    over = threading.Event()
    watching = threading.Event()
    watch = threading.Thread(target=_watch, args=(app, in_cluster, watching, over), daemon=True)
    watch.start()
    watching.wait(10)
    at_client: Sighting = {}
    with session.websocket(f"/ws/logs/rollout/{app.name}.{app.promote(release)}") as socket:
        finished = False
        while not finished:
            frame = json.loads(socket.recv(timeout=60))
            now, finished = time.monotonic(), frame["finished"]
            for line in frame["lines"]:
                name = line["stream"].removeprefix("system/k8s/")
                at_client.setdefault((name, line["message"]), now)
    over.set()
    watch.join(2)
    return in_cluster, at_client


def _watch(app: App, seen: Sighting, watching: threading.Event, over: threading.Event) -> None:
    path = path_of("events", app.namespace)
    with cluster_client(app.house.home / "kubeconfig") as cluster:
        version = cluster.get(path).json()["metadata"]["resourceVersion"]
        params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "60"}
        with cluster.stream("GET", path, params=params, timeout=90) as lines:
            watching.set()
            for line in lines.iter_lines():
                if over.is_set():
                    return
                event = json.loads(line)["object"] if line else {}
                if event.get("involvedObject"):
                    key = (event["involvedObject"]["name"], event.get("message", ""))
                    seen.setdefault(key, time.monotonic())
