"""The diagnosis of a rollout as it was when its verdict fell, which no later look can give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from releases import actions
from releases.models import Release, Rollout
from releases.pages import status
from releases.pages.diagnosis.findings import Found
from releases.pages.diagnosis.parts import parts_of
from releases.pages.diagnosis.shown import Shown, shown
from releases.pipeline.diagnosis.catalogue import BY_CODE
from releases.policy import Actor

FAILED = ("rolling_back", "rolled_back", "failed")
FIRST = 3


@dataclass(frozen=True)
class First:
    """`same`: the finding that the verdict itself was, None if none is. `others`: the first of the others, `more`: how
    many there are beyond."""

    same: Found | None
    others: list[Found]
    more: int

    @property
    def hint(self) -> str:
        return self.same.hint if self.same else ""


def context(rollout: Rollout, *, by: Actor) -> dict[str, Any]:
    report = actions.diagnosis_of(rollout, by=by)
    said = shown(report, home=rollout.app.get_absolute_url()) if report else None
    return {
        "app": rollout.app,
        "rollout": rollout,
        "said": said,
        "status": status.ROLLOUT[rollout.status],
        "failed": rollout.status in FAILED,
        "process_parts": parts_of(rollout.app, said),
    }


def first(rollout: Rollout, *, by: Actor) -> First | None:
    """What the rollout's own page tells of it; None where none is stored."""
    report = actions.diagnosis_of(rollout, by=by) if rollout.status in FAILED else None
    return first_of(report, rollout) if report else None


def first_of(report: Mapping[str, Any], rollout: Rollout) -> First:
    said: Shown = shown(report, home=rollout.app.get_absolute_url())
    wrong = [finding for finding in said.findings if finding.is_wrong]
    same = next((finding for finding in wrong[:1] if _is_verdict(finding, rollout)), None)
    others = [finding for finding in wrong if finding is not same]
    shown_others = others[: FIRST - (same is not None)]
    return First(same, shown_others, len(others) - len(shown_others))


def page_of(release: Release, rollouts: Sequence[Rollout], active_id: str | None) -> str:
    """Where a release is diagnosed: where it runs, or how its last rollout failed; "" where there is nothing to see.
    `rollouts`: the newest first."""
    newest = rollouts[0] if rollouts else None
    if newest is not None and newest.status in FAILED:
        return reverse("rollout-diagnosis", args=[release.app.name, newest.number])
    if release.pk == active_id or (newest is not None and not newest.is_finished):
        return reverse("diagnosis", args=[release.app.name])
    return ""


def _is_verdict(finding: Found, rollout: Rollout) -> bool:
    """Whether it says what the verdict says already."""
    entry = BY_CODE.get(finding.code)
    return bool(entry and rollout.cause and entry.verdict == rollout.cause)
