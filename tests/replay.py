"""Plays recordings of a real cluster to the code that judges, in the recorder's own time.

The recorder's names are rewritten to ours: container `web` → `main`, label `app=web` → the labels of a release.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from releases.clients.mirror import FIELDS, View
from releases.pipeline import health, manifests, processes
from releases.pipeline.health import Rules, ServiceState, Verdict

RECORDINGS = Path(__file__).parent / "recordings"
BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
Object = dict[str, Any]


@dataclass(frozen=True)
class Fall:
    """A verdict and the second of the recording at which it fell."""

    at: float
    verdict: Verdict


@dataclass
class World:
    """The objects as the watches have shown them so far."""

    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {kind: {} for kind in FIELDS})

    def see(self, line: Object) -> None:
        if line["kind"] not in self.objects or line["type"] == "BOOKMARK":
            return
        known, uid = self.objects[line["kind"]], line["object"]["metadata"]["uid"]
        if line["type"] == "DELETED":
            known.pop(uid, None)
        else:
            known[uid] = ours(line["object"])

    def view(self) -> View:
        return View(**{name: list(self.objects[kind].values()) for kind, name in FIELDS.items()})


def lines(scenario: str) -> list[Object]:
    return [json.loads(text) for text in (RECORDINGS / f"{scenario}.jsonl").read_text().splitlines()]


def ours(obj: Object) -> Object:
    """`obj` as it would be if we had applied it."""
    labels = obj["metadata"].setdefault("labels", {})
    if labels.pop("app", None):
        labels |= {manifests.MANAGED_BY: manifests.MANAGER, manifests.SERVICE: "web", manifests.RELEASE: "RAAAAAAAAAA"}
    status = obj.get("status") if obj.get("kind") != "Event" else None
    for container in (status or {}).get("containerStatuses") or []:
        if container["name"] == "web":
            container["name"] = manifests.CONTAINER
    return obj


def instants(scenario: str) -> Iterator[tuple[float, View]]:
    """What is known after each line, and four times a second in between: judging also happens when nothing does."""
    world, clock = World(), 0.0
    for line in lines(scenario):
        while clock + 0.25 < line["t"]:
            clock += 0.25
            yield clock, world.view()
        clock = line["t"]
        world.see(line)
        yield clock, world.view()


def judge(
    scenario: str,
    *,
    generation: int,
    desired: int,
    applied_at: float,
    rules: Rules | None = None,
    until: float | None = None,
) -> Fall:
    """The first verdict after `applied_at` that is not `progressing`; `progressing` if none falls.

    `generation` and `desired` as the answer to the write said, `applied_at` when it came. Remembers what a worker does.
    """
    state = ServiceState(
        name="web",
        rules=rules or Rules(deadline=600, exits=health.EXITS),
        generation=generation,
        desired=desired,
        risen_at=BEGIN + timedelta(seconds=applied_at),
    )
    highest, before, at = 0, None, 0.0
    for at, view in instants(scenario):
        if at < applied_at:
            continue
        if until is not None and at > until:
            break
        if before is None:
            before = {processes.uid(pod): processes.exits(pod) for pod in view.pods}
        now = BEGIN + timedelta(seconds=at)
        state = replace(
            state,
            deployment=next(iter(view.deployments), None),
            replica_sets=view.replica_sets,
            pods=view.pods,
            exits_before=before,
        )
        available = health.available_new(state)
        if available > highest:
            highest, state = available, replace(state, risen_at=now)
        keys = [health.ailment_key(pod, ailment) for pod, ailment in health.ailing(state)]
        keys += ["refused"] if health.refusal(state) else []
        state = replace(state, first_seen={**dict.fromkeys(keys, now), **state.first_seen})
        verdict = health.assess([state], now=now)
        if verdict.status != "progressing":
            return Fall(at, verdict)
    return Fall(at, health.PROGRESSING)
