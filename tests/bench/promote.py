"""Seconds from a promote to active, and how many of them are Deployer's own: the rest the cluster needs for the same
change, made directly with a server-side apply and a watch in the same run."""

import json
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.bench.figures import show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import path_of
from tests.journeys.house import House

ROUNDS, SLOW_ROUNDS = 5, 2
SLOW_SECONDS = 5.0  # until a process of the slow app serves: four of them one after the other make a rollout of 20 s
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def measure(house: House, folder: Path) -> None:
    title(f"From promote to active, median of {ROUNDS}; two processes, health check every second")
    sources_ = [sources.serving(folder / version, version) for version in ("v1", "v2")]
    ours, direct = _compare(house, "promote", sources_, ROUNDS)
    _show(ours, direct)
    show("Deployer's own part", f"{ours - direct:.2f} s", target="0.5 s")
    title(f"A rollout of about 20 s, median of {SLOW_ROUNDS}")
    sources_ = [sources.slow(folder / f"slow-{version}", version, SLOW_SECONDS) for version in ("v1", "v2")]
    ours, direct = _compare(house, "slow", sources_, SLOW_ROUNDS)
    _show(ours, direct)
    show("Deployer's as a multiple", f"{ours / direct:.3f}", target="1.05")


def _show(ours: float, direct: float) -> None:
    show("by Deployer's API", f"{ours:.2f} s")
    show("directly on the cluster's API (its twin)", f"{direct:.2f} s")


def _compare(house: House, name: str, versions: list[Path], rounds: int) -> tuple[float, float]:
    """Median seconds by a promote, and of the same change to a twin that nobody looks after."""
    app = house.app(name)
    twin = f"{name}-twin"
    releases, specs = [], []
    for source in versions:
        releases.append(app.deployed(source))
        specs.append(_deployment(house, app.namespace)["spec"])
    _make_twin(house, app, twin, specs[1])
    ours, direct = [], []
    for number in range(rounds):
        direct.append(_seconds_directly(house, twin, specs[number % 2]))
        ours.append(_seconds_by_promote(app, releases[number % 2]))
    return median(ours), median(direct)


def _seconds_by_promote(app: App, release: str) -> float:
    """From sending the promote to the time at which the server wrote down its success: one clock, one machine."""
    begun = time.time()
    rollout = app.ended(app.promote(release))
    if rollout["status"] != "succeeded":
        raise RuntimeError(rollout["reason"])
    return datetime.fromisoformat(rollout["finished"]).timestamp() - begun


def _seconds_directly(house: House, twin: str, spec: dict[str, Any]) -> float:
    """Server-side apply of the Deployment, until a watch tells that it is complete."""
    params = {"watch": "true", "resourceVersion": _deployment(house, twin)["metadata"]["resourceVersion"]}
    with house.cluster.stream("GET", path_of("deployments", twin), params=params, timeout=60) as events:
        begun = time.time()
        generation = _apply(house, twin, spec).json()["metadata"]["generation"]
        for line in events.iter_lines():
            if line and _is_complete(json.loads(line)["object"], generation):
                return time.time() - begun
    raise RuntimeError("the twin was not complete within a minute")


def _is_complete(deployment: dict[str, Any], generation: int) -> bool:
    status, desired = deployment.get("status", {}), deployment["spec"]["replicas"]
    return (
        status.get("observedGeneration", 0) >= generation
        and status.get("replicas") == status.get("updatedReplicas") == desired
        and status.get("availableReplicas", 0) >= desired
    )


def _make_twin(house: House, app: App, twin: str, spec: dict[str, Any]) -> None:
    """A namespace of nobody with the same Deployment and Secrets."""
    house.cluster.post("/api/v1/namespaces", json={"metadata": {"name": twin}}).raise_for_status()
    for secret in app.objects("secrets"):
        copy = {"metadata": {"name": secret["metadata"]["name"]}, "data": secret.get("data", {})}
        house.cluster.post(path_of("secrets", twin), json=copy).raise_for_status()
    _apply(house, twin, spec)
    deadline = time.monotonic() + 30
    while not _is_complete(_deployment(house, twin), 1):
        if time.monotonic() > deadline:
            raise RuntimeError("the twin did not start")
        time.sleep(0.1)


def _apply(house: House, twin: str, spec: dict[str, Any]) -> httpx.Response:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": twin}, "spec": spec}
    params = {"fieldManager": "bench", "force": "true"}
    answer = house.cluster.patch(path_of("deployments", twin, "web"), params=params, headers=APPLY, json=body)
    return answer.raise_for_status()


def _deployment(house: House, namespace: str) -> dict[str, Any]:
    return house.cluster.get(path_of("deployments", namespace, "web")).raise_for_status().json()
