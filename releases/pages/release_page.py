"""One release. Nothing on this page is live: a release never changes."""

from typing import Any

from releases.models import Release, Rollout
from releases.pages import compare, status
from releases.pages.app_board import Judge
from releases.pages.durations import seconds_taken
from releases.policy import Actor


def context(release: Release, *, by: Actor) -> dict[str, Any]:
    app = release.app
    rollouts = list(release.rollouts.order_by("-number").defer(*Rollout.LARGE, "baseline", "squares"))
    for rollout in rollouts:
        rollout.app = app
    active = app.active_release
    return {
        "actor": by,
        "app": app,
        "release": release,
        "choice": Judge(app, by).choice(release, rollouts),
        "rollouts": [(rollout, status.ROLLOUT[rollout.status], seconds_taken(rollout)) for rollout in rollouts],
        "changes": compare.changes(release, active) if active and active.pk != release.pk else [],
        "names": sorted(release.env),
        "missing": release.missing_variables(),
        "services": sorted(release.manifest["services"].items()),
        "copies": Release.objects.filter(rolled_back_to=release).only("id", "app_id"),
    }
