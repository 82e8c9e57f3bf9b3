"""What is wrong with rows of the admin: with an app now, with a rollout or release as it was when it failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from releases import actions
from releases.models import App, Rollout
from releases.pages import status
from releases.pages.diagnosis.looking import looked_together
from releases.pages.diagnosis.shown import Shown, shown
from releases.pages.durations import seconds_taken
from releases.pages.status import Status
from releases.policy import Actor


@dataclass(frozen=True)
class Diagnosed:
    """`rollout`: the last one. `said`: None where nothing is known; then `trouble` may say why. `page`: of the whole
    diagnosis, "" without one."""

    row: Any
    rollout: Rollout | None
    said: Shown | None
    page: str
    trouble: str = ""

    @property
    def status(self) -> Status | None:
        return status.ROLLOUT[self.rollout.status] if self.rollout else None

    @property
    def seconds(self) -> float | None:
        return seconds_taken(self.rollout) if self.rollout else None


def of_rollouts(rows: Sequence[tuple[Any, Rollout | None]], *, by: Actor) -> list[Diagnosed]:
    """As they were stored."""
    return [_stored(row, rollout, by) for row, rollout in rows]


def of_apps(rows: Sequence[tuple[App, Rollout | None]], *, by: Actor) -> list[Diagnosed]:
    """As the clusters tell now."""
    found = []
    for (app, rollout), seen in zip(rows, looked_together([app for app, _ in rows], by=by), strict=True):
        said = shown(seen.report, home=app.get_absolute_url()) if seen.report is not None else None
        trouble = seen.trouble or ("The cluster has not answered yet." if seen.waiting else "")
        found.append(Diagnosed(app, rollout, said, reverse("diagnosis", args=[app.name]), trouble))
    return found


def _stored(row: Any, rollout: Rollout | None, by: Actor) -> Diagnosed:
    report = actions.diagnosis_of(rollout, by=by) if rollout else None
    if rollout is None or report is None:
        return Diagnosed(row, rollout, None, "")
    said = shown(report, home=rollout.app.get_absolute_url())
    return Diagnosed(row, rollout, said, reverse("rollout-diagnosis", args=[rollout.app.name, rollout.number]))
