"""A history in a sentence: how many rollouts, how many of them went wrong, how long one takes."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.db.models import QuerySet
from django.utils import timezone

from releases.forms.filters import Wanted
from releases.models import Rollout

# What is counted at most, so that a long history costs no more than a short one.
COUNTED = 1000
USUAL_DAYS = 30


@dataclass(frozen=True)
class Summary:
    """`days`: of how many days back it speaks, None for the time that was asked for. `is_part`: there are more, and
    these are the newest. `seconds`: the median of those that succeeded."""

    days: int | None
    count: int
    is_part: bool
    rolled_back: int
    failed: int
    seconds: float | None

    @property
    def said(self) -> str:
        return f"{self.count:,}"


def of(rollouts: QuerySet[Rollout], wanted: Wanted) -> Summary:
    """One query, of at most COUNTED rows."""
    days = None if wanted.since or wanted.until else USUAL_DAYS
    if days is not None:
        rollouts = rollouts.filter(created_at__gte=timezone.now() - timedelta(days=days))
    columns = rollouts.order_by("-created_at", "-pk").values_list("status", "created_at", "finished_at")
    found = list(columns[: COUNTED + 1])
    counted = found[:COUNTED]
    outcomes = Counter(status for status, _, _ in counted)
    taken = [(end - begun).total_seconds() for status, begun, end in counted if status == "succeeded" and end]
    return Summary(
        days=days,
        count=len(counted),
        is_part=len(found) > COUNTED,
        rolled_back=outcomes["rolled_back"],
        failed=outcomes["failed"],
        seconds=median(taken) if taken else None,
    )
