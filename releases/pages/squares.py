"""Processes as squares: one lane per service."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from releases.models import App, Rollout
from releases.pages.running import running
from releases.pipeline.inspect import Process
from releases.policy import Actor

WORDS = {
    "ready": "ready",
    "starting": "starting",
    "broken": "broken",
    "old": "to be replaced",
    "stopping": "stopping",
}
ORDER = {state: place for place, state in enumerate(WORDS)}
DRAWN = 200  # squares per service; beyond it a number says the rest


@dataclass(frozen=True)
class Square:
    name: str
    state: str
    release: str
    note: str = ""

    @property
    def title(self) -> str:
        parts = (self.name, f"{WORDS[self.state]}, {self.release}" if self.release else WORDS[self.state], self.note)
        return " · ".join(filter(None, parts))


@dataclass
class Lane:
    """One service. `desired` is None when nobody has said how many there should be."""

    service: str
    desired: int | None
    squares: list[Square] = field(default_factory=list)

    @property
    def ready(self) -> int:
        return sum(square.state == "ready" for square in self.squares)

    @property
    def old(self) -> int:
        """Of the release that is being replaced: they serve until the new ones are ready."""
        return sum(square.state == "old" for square in self.squares)

    @property
    def drawn(self) -> list[Square]:
        return self.squares[:DRAWN]

    @property
    def more(self) -> int:
        return max(0, len(self.squares) - DRAWN)

    @property
    def label(self) -> str:
        """The picture in words, for those who don't see it."""
        counts = {state: sum(square.state == state for square in self.squares) for state in WORDS}
        said = ", ".join(f"{count} {WORDS[state]}" for state, count in counts.items() if count)
        return f"{self.service}: {said or 'no process'}"


def of_rollout(rollout: Rollout) -> list[Lane]:
    """As the rollout saw them last."""
    services = rollout.progress.get("services") or {}
    lanes = {name: Lane(name, services.get(name, {}).get("desired")) for name in rollout.release.manifest["services"]}
    for row in rollout.squares:
        state = row.get("state") if row.get("state") in WORDS else "starting"
        square = Square(row.get("name", ""), state, row.get("release", ""), row.get("note", ""))
        _lane(lanes, row.get("service", "")).squares.append(square)
    return _ordered(lanes.values())


@dataclass(frozen=True)
class Seen:
    """What runs. `trouble`: why nobody can say; the lanes are then as they were `as_of`, or empty."""

    lanes: list[Lane]
    trouble: str = ""
    waiting: bool = False
    as_of: datetime | None = None

    @property
    def unknown(self) -> bool:
        return bool(self.trouble or self.waiting) and self.as_of is None


def of_app(app: App, *, by: Actor) -> Seen:
    """As the cluster reports them. Never raises, never waits long."""
    wanted = desired(app)
    if not wanted:
        return Seen([])
    found = running(app, by=by)
    services = [process for process in found.processes if not process.is_run]
    return Seen(lanes_of(services, wanted), found.trouble, found.waiting, found.as_of)


def lanes_of(processes: Iterable[Process], wanted: dict[str, int]) -> list[Lane]:
    lanes = {name: Lane(name, count) for name, count in wanted.items()}
    for process in processes:
        note = process.reason or (f"{process.restarts} restarts" if process.restarts else "")
        state = process.state if process.state in WORDS else "starting"
        _lane(lanes, process.service).squares.append(Square(process.name, state, process.release, note))
    return _ordered(lanes.values())


def desired(app: App) -> dict[str, int]:
    """Service → processes: as last scaled, else as the active release's manifest says; empty before the first."""
    if app.active_release is None:
        return {}
    services = app.active_release.manifest["services"]
    return {name: app.scale.get(name, service["scale"]["count"]) for name, service in services.items()}


def _lane(lanes: dict[str, Lane], service: str) -> Lane:
    """Also for a service that the release does not have: processes that are on their way out."""
    return lanes.setdefault(service, Lane(service, None))


def _ordered(lanes: Iterable[Lane]) -> list[Lane]:
    lanes = sorted(lanes, key=lambda lane: lane.service)
    for lane in lanes:
        lane.squares.sort(key=lambda square: (ORDER[square.state], square.name))
    return lanes
