"""Which button a release gets: promote it, roll back to it, or none; and the reasons why not."""

from dataclasses import dataclass
from functools import cached_property

from releases import policy
from releases.models import App, Release, Rollout
from releases.pages import status
from releases.policy import Actor, Reason


@dataclass(frozen=True)
class Choice:
    """A release, what became of it, and what one can do with it now: `action` is promote, rollback or "".

    `replaces`: the number of the rollout that could be ended for its sake, where that alone is in the way.
    """

    release: Release
    rollout: Rollout | None
    outcome: status.Status | None
    action: str
    refusals: list[Reason]
    replaces: int | None = None


class Judge:
    """Which button each release of an app gets, and why it may not be pressed; the app is looked at once for all."""

    def __init__(self, app: App, by: Actor) -> None:
        self.app, self.by = app, by
        self.general = {action: policy.refusals(action, by=by, app=app) for action in ("promote", "rollback")}

    def choice(self, release: Release, rollouts: list[Rollout]) -> Choice:
        """`rollouts`: those of this release, newest first."""
        last = rollouts[0] if rollouts else None
        outcome = status.ROLLOUT[last.status] if last else None
        if release.pk == self.app.active_release_id:
            return Choice(release, last, status.Status("●", "active", "ok"), "", [])
        if last is not None and not last.is_finished:
            return Choice(release, last, outcome, "", [])
        succeeded = any(rollout.status == "succeeded" for rollout in rollouts)
        action = "rollback" if succeeded else "promote"
        own = policy.refusals("promote", by=self.by, release=release)
        reasons = self.general[action] + [reason for reason in own if reason not in self.general[action]]
        replaces = self._replaceable if all(reason.name == "rollout_in_progress" for reason in reasons) else None
        return Choice(release, last, None if succeeded else outcome, action, _once(reasons), replaces)

    @cached_property
    def _replaceable(self) -> int | None:
        running = self.app.unfinished_rollout
        return running.number if running and running.status != "rolling_back" else None


def _once(reasons: list[Reason]) -> list[Reason]:
    return list(dict.fromkeys(reasons))
