"""Seconds from a promote to active, less what the cluster itself needs for the same change."""

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

ROUNDS = 5
TWIN = "twin"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def measure(house: House, folder: Path) -> None:
    title(f"From promote to active, median of {ROUNDS}; two processes, health check every second")
    app = house.app("promote")
    releases, specs = [], []
    for version in ("v1", "v2"):
        releases.append(app.deployed(sources.serving(folder / version, version)))
        specs.append(_deployment(house, app.namespace)["spec"])
    _make_twin(house, app, specs[1])
    ours, direct = [], []
    for number in range(ROUNDS):
        direct.append(_seconds_directly(house, specs[number % 2]))
        ours.append(_seconds_by_promote(app, releases[number % 2]))
    show("by Deployer's API", f"{median(ours):.2f} s")
    show("directly on the cluster's API (its twin)", f"{median(direct):.2f} s")
    show("Deployer's own part", f"{median(ours) - median(direct):.2f} s", target="0.5 s")


def _seconds_by_promote(app: App, release: str) -> float:
    """From sending the promote to the time at which the server wrote down its success: one clock, one machine."""
    begun = time.time()
    rollout = app.ended(app.promote(release))
    if rollout["status"] != "succeeded":
        raise RuntimeError(rollout["reason"])
    return datetime.fromisoformat(rollout["finished"]).timestamp() - begun


def _seconds_directly(house: House, spec: dict[str, Any]) -> float:
    """Server-side apply of the Deployment, until a watch tells that it is complete."""
    params = {"watch": "true", "resourceVersion": _deployment(house, TWIN)["metadata"]["resourceVersion"]}
    with house.cluster.stream("GET", path_of("deployments", TWIN), params=params, timeout=60) as events:
        begun = time.time()
        generation = _apply(house, spec).json()["metadata"]["generation"]
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


def _make_twin(house: House, app: App, spec: dict[str, Any]) -> None:
    """A namespace of nobody with the same Deployment and Secrets."""
    house.cluster.post("/api/v1/namespaces", json={"metadata": {"name": TWIN}}).raise_for_status()
    for secret in app.objects("secrets"):
        copy = {"metadata": {"name": secret["metadata"]["name"]}, "data": secret.get("data", {})}
        house.cluster.post(path_of("secrets", TWIN), json=copy).raise_for_status()
    _apply(house, spec)
    deadline = time.monotonic() + 30
    while not _is_complete(_deployment(house, TWIN), 1):
        if time.monotonic() > deadline:
            raise RuntimeError("the twin did not start")
        time.sleep(0.1)


def _apply(house: House, spec: dict[str, Any]) -> httpx.Response:
    twin = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": TWIN}, "spec": spec}
    params = {"fieldManager": "bench", "force": "true"}
    answer = house.cluster.patch(path_of("deployments", TWIN, "web"), params=params, headers=APPLY, json=twin)
    return answer.raise_for_status()


def _deployment(house: House, namespace: str) -> dict[str, Any]:
    return house.cluster.get(path_of("deployments", namespace, "web")).raise_for_status().json()
