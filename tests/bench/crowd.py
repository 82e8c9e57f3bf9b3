"""Many rollouts of three services at once: all right, how late events are written down, and the memory of it all."""

import json
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.figures import percentile, show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import cluster_client, is_gap_free
from tests.journeys.house import House

APPS = 50
HANDS = 8
SLEEPER = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"]
Told = dict[tuple[str, str], float]


def measure(house: House, folder: Path) -> None:
    title(f"{APPS} rollouts of 3 services at once")
    source = _source(folder)
    with ThreadPoolExecutor(HANDS) as hands:
        apps = list(hands.map(lambda number: house.app(f"crowd-{number}"), range(APPS)))
        first = list(hands.map(lambda app: app.built(source), apps))
    _all_at_once(house, apps, first, "first deploys")
    _all_at_once(house, apps, [_recoloured(app) for app in apps], "updates")


def _recoloured(app: App) -> str:
    """A release with another variable, not promoted yet."""
    content = {"set": {"COLOUR": "blue"}, "stage": True}
    return app.house.api.patch(f"/apps/{app.name}/env", json=content).raise_for_status().json()["release"]


def _all_at_once(house: House, apps: list[App], releases: list[str], words: str) -> None:
    watch, ledger, memory = Sightings(house), Ledger(house.home / "deployer.sqlite3"), Memory(house)
    for follower in (watch, ledger, memory):
        follower.start()
    watch.open.wait(20)
    begun = time.monotonic()
    with ThreadPoolExecutor(HANDS) as hands:
        numbers = list(hands.map(lambda app, release: app.promote(release), apps, releases))
        ended = list(hands.map(lambda app, number: app.ended(number, seconds=300), apps, numbers))
    seconds = time.monotonic() - begun
    for follower in (watch, ledger, memory):
        follower.over.set()
        follower.join(5)
    outcomes = Counter(rollout["status"] for rollout in ended)
    whole = sum(is_gap_free(app.log(f"/rollouts/{number}")) for app, number in zip(apps, numbers, strict=True))
    late = [ledger.told[key] - watch.told[key] for key in ledger.told.keys() & watch.told.keys()]
    show(f"{words}: how they ended", ", ".join(f"{count} {status}" for status, count in outcomes.items()))
    show(f"{words}: logs without a gap", f"{whole} of {APPS}")
    show(f"{words}: until the last was over", f"{seconds:.1f} s")
    show(f"{words}: event → database, p50 of {len(late)}", f"{1000 * percentile(late, 50):.0f} ms")
    show(f"{words}: event → database, p95", f"{1000 * percentile(late, 95):.0f} ms", target="1000 ms")
    show(f"{words}: memory at its highest (PSS)", f"{memory.highest:.0f} MB", target="4096 MB")
    for role, size in sorted(memory.by_role.items(), key=lambda entry: -entry[1]):
        show(f"  {role}", f"{size:.0f} MB")


def _source(folder: Path) -> Path:
    manifest = sources.manifest(count=1, deadline=240)
    sleeper: dict[str, Any] = sources.worker() | {"command": SLEEPER}
    manifest["services"] |= {"worker": sleeper, "clock": sleeper}
    return sources.write(folder / "crowd", manifest, {"server.py": sources.SERVER.format(version="v", health="200 OK")})


class Follower(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over, self.open = threading.Event(), threading.Event()
        self.told: Told = {}


class Sightings(Follower):
    """When an event was first seen on a watch of the cluster's own API."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house

    def run(self) -> None:
        with cluster_client(self.house.home / "kubeconfig") as cluster:
            version = cluster.get("/api/v1/events").json()["metadata"]["resourceVersion"]
            params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "600"}
            with cluster.stream("GET", "/api/v1/events", params=params, timeout=600) as lines:
                self.open.set()
                for line in lines.iter_lines():
                    if self.over.is_set():
                        return
                    event = json.loads(line)["object"] if line else {}
                    if event.get("involvedObject"):
                        key = (f"system/k8s/{event['involvedObject']['name']}", event.get("message", ""))
                        self.told.setdefault(key, time.monotonic())


class Ledger(Follower):
    """When its line was first seen in the database."""

    def __init__(self, database: Path) -> None:
        super().__init__()
        self.database = database

    def run(self) -> None:
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=20)
        newest = connection.execute("SELECT COALESCE(MAX(id), 0) FROM releases_logline").fetchone()[0]
        query = "SELECT id, stream, message FROM releases_logline WHERE id > ? ORDER BY id"
        while not self.over.is_set():
            for number, stream, message in connection.execute(query, [newest]).fetchall():
                newest = number
                self.told.setdefault((stream, message), time.monotonic())
            self.over.wait(0.05)


class Memory(Follower):
    """The highest proportional memory of all processes together, and of which kinds it was made."""

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house, self.highest = house, 0.0
        self.by_role: dict[str, float] = {}

    def run(self) -> None:
        while not self.over.is_set():
            by_role: dict[str, float] = defaultdict(float)
            for process in self.house.processes():
                by_role[process.role] += process.memory()
            if sum(by_role.values()) > self.highest:
                self.highest, self.by_role = sum(by_role.values()), dict(by_role)
            self.over.wait(5)  # looking at so many processes costs time of its own
