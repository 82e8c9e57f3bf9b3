"""Push an image, and find digests: what the engine says of a registry."""

import time
from collections.abc import Iterable
from typing import Any

from releases.clients.images import faults
from releases.clients.images.context import in_mib
from releases.clients.images.engine import PUSH_SILENCE_SECONDS, Engine, Refusal, auth_config, ours
from releases.clients.images.plan import Login
from releases.clients.images.side_by_side import Work

# A layer's progress comes many times a second; the log gets the beginning, this often what is on its way, and the end.
PROGRESS_SECONDS = 10.0
# The first word of what is told of a layer, once: `Pushed`, `Layer already exists`, `Mounted from`, `Retrying in`.
TOLD = {"Pushed", "Layer", "Mounted", "Retrying"}


class Progress:
    """Which of a push's many words are worth a line."""

    def __init__(self, now: float) -> None:
        self.told: set[tuple[str, str]] = set()
        self.moving: dict[str, tuple[int, int]] = {}
        self.said = now

    def take(self, event: dict[str, Any], now: float) -> list[str]:
        layer, status = event.get("id"), str(event.get("status") or "")
        detail = event.get("progressDetail") or {}
        if not layer:
            return [] if "digest: sha256:" in status else [status] if status else []
        if status == "Pushing":
            self.moving[layer] = (int(detail.get("current") or 0), int(detail.get("total") or 0))
            return self._on_the_way(now)
        told = (layer, status.partition(" ")[0])
        if told in self.told or told[1] not in TOLD:
            return []
        self.told.add(told)
        _, total = self.moving.pop(layer, (0, 0))
        return [f"{layer}: {status}" + (f" ({in_mib(total)})" if total else "")]

    def _on_the_way(self, now: float) -> list[str]:
        if now - self.said < PROGRESS_SECONDS:
            return []
        self.said = now
        sent, total = (sum(part) for part in zip(*self.moving.values(), strict=True))
        return [f"Pushing: {in_mib(min(sent, total))} of {in_mib(total)} in {len(self.moving)} layers"]


def push(engine: Engine, name: str, repository: str, tag: str, login: Login | None, work: Work) -> str:
    """The digest under which the registry has it. Raises BuildFailed with the registry's words; EngineGone."""
    engine.timeout = PUSH_SILENCE_SECONDS
    try:
        with ours(engine.address):
            events = engine.push(repository, tag=tag, stream=True, decode=True, auth_config=auth_config(login))
            digest, fault = _follow(events, work)
    except Refusal as refusal:
        raise faults.pushing(name, refusal.words) from refusal
    if fault or not digest:
        raise faults.pushing(name, fault or "the registry gave no digest")
    return digest


def _follow(events: Iterable[dict[str, Any]], work: Work) -> tuple[str, str]:
    """Digest and fault; one of them is blank."""
    progress = Progress(time.monotonic())
    digest = fault = ""
    for event in events:
        if "error" in event:
            fault = str(event["error"])
        elif found := (event.get("aux") or {}).get("Digest"):
            digest = found
        else:
            work.say(*progress.take(event, time.monotonic()))
    return ("", fault) if fault else (digest, "")


def resolve(engine: Engine, service: str, image: str, login: Login | None) -> str:
    """`image` by the digest that its tag has now. Raises BuildFailed."""
    try:
        with ours(engine.address):
            digest = engine.inspect_distribution(image, auth_config=auth_config(login))["Descriptor"]["digest"]
    except Refusal as refusal:
        raise faults.resolving(service, refusal.words) from refusal
    except (KeyError, TypeError) as error:
        raise faults.resolving(service, "the registry gave no digest") from error
    return f"{without_tag(image)}@{digest}"


def without_tag(image: str) -> str:
    """`host:5000/name:tag` → `host:5000/name`."""
    path, slash, name = image.rpartition("/")
    return path + slash + name.partition(":")[0]
