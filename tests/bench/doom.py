"""Seconds from the event that dooms a release to the verdict, and to the end of the restore."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figures import show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import cluster_client, path_of
from tests.journeys.house import House

ROUNDS = 3
Object = dict[str, Any]


@dataclass
class Watch:
    """Notes when the cluster's own API first told of the second exit of a process, or of an image that is missing."""

    app: App
    seen_at: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)

    def follow(self) -> None:
        path = path_of("pods", self.app.namespace)
        with cluster_client(self.app.house.home / "kubeconfig") as cluster:
            version = cluster.get(path).json()["metadata"]["resourceVersion"]
            params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "60"}
            with cluster.stream("GET", path, params=params, timeout=90) as lines:
                self.open.set()
                for line in lines.iter_lines():
                    if self.over.is_set():
                        return
                    if line and not self.seen_at and _dooms(json.loads(line)["object"]):
                        self.seen_at = time.time()


def measure(house: House, folder: Path) -> None:
    title(f"From the dooming event to the verdict, and until all is restored; median of {ROUNDS}, two processes")
    crash = sources.write(folder / "crash", sources.manifest(), {"server.py": sources.CRASH})
    missing = sources.write(folder / "missing", sources.manifest(image=f"local/doom@sha256:{'0' * 64}"))
    for name, source in (("crash", crash), ("missing", missing)):
        app = house.app(f"doom-{name}")
        app.deployed(sources.serving(folder / f"good-{name}", "v1"))
        release = app.built(source)
        rounds = [_round(app, release) for _ in range(ROUNDS)]
        words = "the second exit" if name == "crash" else "an image that is not there"
        show(f"{words} → verdict", f"{median(verdict for verdict, _ in rounds):.2f} s", target="2 s")
        show(f"{words} → restored", f"{median(restored for _, restored in rounds):.2f} s")


def _round(app: App, release: str) -> tuple[float, float]:
    watch = Watch(app)
    thread = threading.Thread(target=watch.follow, daemon=True)
    thread.start()
    watch.open.wait(10)
    number = app.promote(release)
    while app.rollout(number)["status"] not in ("rolling_back", "rolled_back"):
        time.sleep(0.01)
    judged = time.time()
    ended = app.ended(number)
    restored = time.time()
    watch.over.set()
    if ended["status"] != "rolled_back" or not watch.seen_at:
        raise RuntimeError(f"{ended['status']}: {ended['reason']}")
    return judged - watch.seen_at, restored - watch.seen_at


def _dooms(pod: Object) -> bool:
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        state = status.get("state") or {}
        if (state.get("waiting") or {}).get("reason") == "ErrImagePull":
            return True
        if status.get("restartCount", 0) + ("terminated" in state) >= 2:
            return True
    return False
