"""The arithmetic of a HorizontalPodAutoscaler (Kubernetes documentation, "Algorithm details"). Pure."""

import math
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]

TOLERANCE = 0.1
STABILIZATION = 300.0
"""Seconds for which the highest recommendation stands before a target is made smaller."""
LIMITS = {
    "less": ("TooFewReplicas", "the desired replica count is less than the minimum replica count"),
    "more": ("TooManyReplicas", "the desired replica count is more than the maximum replica count"),
    "fast": ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"),
}


@dataclass(frozen=True)
class Usage:
    """CPU of the pods that could be measured, in thousandths of a core; `ready` is how many they are."""

    used: int
    requested: int
    ready: int

    @property
    def utilization(self) -> int:
        """Per cent of the requests."""
        return self.used * 100 // self.requested if self.requested else 0

    @property
    def average(self) -> int:
        return self.used // self.ready


def wanted(usage: Usage, target: Object, current: int) -> int:
    """The size at which the usage would meet the target; the present one when it nearly does."""
    if target.get("type") == "Utilization":
        ratio = usage.utilization / target["averageUtilization"]
    else:
        ratio = usage.average / target["thousandths"]
    if abs(1 - ratio) <= TOLERANCE:
        return current
    size = math.ceil(round(ratio * usage.ready, 6))
    # What could not be measured never turns the direction round.
    return max(size, current) if ratio > 1 else min(size, current)


@dataclass
class Memory:
    """The recommendations of the last minutes: monotonic seconds and sizes."""

    recommendations: list[tuple[float, int]] = field(default_factory=list)

    def stabilized(self, size: int, now: float, window: float) -> int:
        """The highest recommendation of the last `window` seconds, with this one."""
        kept = [(moment, found) for moment, found in self.recommendations if now - moment <= window]
        self.recommendations = [*kept, (now, size)]
        return max(found for _, found in self.recommendations)


def bounded(size: int, current: int, least: int, most: int) -> tuple[int, str]:
    """The size within the bounds, and which of LIMITS was met: at most 4 more or twice as many in one step."""
    fastest = max(2 * current, current + 4)
    if size > min(fastest, most):
        return (most, "more") if most <= fastest else (fastest, "fast")
    return (least, "less") if size < least else (size, "")
