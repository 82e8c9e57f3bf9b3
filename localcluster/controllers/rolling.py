"""The arithmetic of a rolling update, as Kubernetes does it (pkg/controller/deployment). Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Replicas:
    """One ReplicaSet in numbers; `largest` is its max-replicas annotation: replicas plus surge when last scaled."""

    name: str
    created: str
    wanted: int
    available: int = 0
    largest: int = 0


@dataclass(frozen=True)
class Limits:
    """How many processes there may be above, and how many may be missing below, the number asked for."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        return self.replicas + self.surge

    @property
    def least_available(self) -> int:
        return self.replicas - self.unavailable


def limits(replicas: int, max_surge: int | str, max_unavailable: int | str) -> Limits:
    """Resolves per cents: surge is rounded up, unavailable down; if both come to 0, one may be unavailable."""
    surge = share(max_surge, replicas, up=True)
    unavailable = share(max_unavailable, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(replicas, surge, min(unavailable, replicas))


def share(value: int | str, total: int, *, up: bool) -> int:
    """A number, or that many per cent (`"25%"`) of a total. Raises ValueError."""
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        return int(value)
    hundredths = total * int(value[:-1])
    return math.ceil(hundredths / 100) if up else hundredths // 100


def new_size(new: Replicas, everything: Sequence[Replicas], bounds: Limits) -> int:
    """How large the new ReplicaSet may be now."""
    if new.wanted >= bounds.replicas:
        return bounds.replicas
    present = sum(item.wanted for item in everything)
    room = bounds.most - present
    return new.wanted + max(0, min(room, bounds.replicas - new.wanted))


def old_sizes(old: Sequence[Replicas], new: Replicas | None, bounds: Limits) -> dict[str, int]:
    """How small the old ReplicaSets become now: names and sizes of those that change. Unhealthy processes go first."""
    everything = [*old, *([new] if new else [])]
    missing = new.wanted - new.available if new else 0
    most = sum(item.wanted for item in everything) - bounds.least_available - missing
    if most <= 0:
        return {}
    sizes = {item.name: item.wanted for item in old}
    oldest_first = sorted(old, key=lambda item: (item.created, item.name))
    cleaned = 0
    for item in oldest_first:
        unhealthy = min(most - cleaned, max(0, item.wanted - item.available))
        sizes[item.name] -= unhealthy
        cleaned += unhealthy
    spare = sum(item.available for item in everything) - bounds.least_available
    for item in oldest_first:
        removed = max(0, min(sizes[item.name], spare))
        sizes[item.name] -= removed
        spare -= removed
    return {item.name: sizes[item.name] for item in old if sizes[item.name] != item.wanted}


def proportional_sizes(active: Sequence[Replicas], bounds: Limits, fallback_largest: int) -> dict[str, int]:
    """Sizes of the active ReplicaSets when the number asked for changes in mid-rollout: each keeps its share."""
    allowed = bounds.most if bounds.replicas > 0 else 0
    change = allowed - sum(item.wanted for item in active)
    if change > 0:
        ordered = sorted(sorted(active, key=lambda item: item.created, reverse=True), key=lambda item: -item.wanted)
    else:
        ordered = sorted(active, key=lambda item: (-item.wanted, item.created))
    sizes, changed = {}, 0
    for item in ordered:
        part = _proportion(item, bounds, change, changed, fallback_largest) if change else 0
        sizes[item.name] = item.wanted + part
        changed += part
    if change and ordered:
        first = ordered[0].name
        sizes[first] = max(0, sizes[first] + change - changed)
    return sizes


def _proportion(item: Replicas, bounds: Limits, change: int, changed: int, fallback_largest: int) -> int:
    left = change - changed
    if item.wanted == 0 or left == 0:
        return 0
    fraction = _fraction(item, bounds, fallback_largest)
    return min(fraction, left) if change > 0 else max(fraction, left)


def _fraction(item: Replicas, bounds: Limits, fallback_largest: int) -> int:
    if bounds.replicas == 0:
        return -item.wanted
    largest = item.largest or fallback_largest
    if not largest:
        return 0
    return math.floor(item.wanted * bounds.most / largest + 0.5) - item.wanted
