"""One release. Nothing on this page is live: a release never changes."""

from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.actions.stopping import promotes_by_itself
from releases.models import Release, Rollout
from releases.pages import compare, status
from releases.pages.choices import Judge
from releases.pages.diagnosis import stored
from releases.pages.doubts import doubts
from releases.pages.durations import seconds_taken, usual_seconds
from releases.pages.origin import Origin, origin
from releases.pipeline.deployer_yml.writing import text as as_text
from releases.policy import Actor

ROLLOUTS_SHOWN = 50


@dataclass(frozen=True)
class Made:
    """Of what it was made: `words`, then the release `of` (None: of its build), as its page says it."""

    words: str
    of: str | None


def context(release: Release, *, by: Actor, values: dict[str, str] | None = None) -> dict[str, Any]:
    """`values`: of the variables, for who asked to see them."""
    app = release.app
    rollouts = list(release.rollouts.order_by("-number").defer(*Rollout.LARGE, "baseline", "squares"))
    for rollout in rollouts:
        rollout.app = app
    active = app.active_release
    choice = Judge(app, by).choice(release, rollouts)
    return {
        "actor": by,
        "app": app,
        "release": release,
        "here": "releases",
        "choice": choice,
        "doubts": doubts(release, app) if choice.action == "promote" else [],
        "rollouts": [_told(rollout) for rollout in rollouts[:ROLLOUTS_SHOWN]],
        "more_rollouts": max(0, len(rollouts) - ROLLOUTS_SHOWN),
        "running": next((rollout for rollout in rollouts if not rollout.is_finished), None),
        "diagnosis": stored.page_of(release, rollouts, app.active_release_id),
        "usual_seconds": usual_seconds(app) if choice.action else None,
        "changes": compare.changes(release, active) if active and active.pk != release.pk else [],
        "made": made(release),
        "origin": build_origin(release),
        "variables": [(name, (values or {}).get(name)) for name in sorted(release.env)],
        "missing": release.missing_variables(),
        "services": sorted(release.manifest["services"].items()),
        "images": sorted(release.images.items()),
        "manifest_text": as_text(release.manifest),
        "copies": Release.objects.filter(rolled_back_to=release).only("id", "app_id")[:10],
        "staged": sorted(app.staged) if choice.action == "rollback" else [],
        "stops_pushes": choice.action == "rollback" and promotes_by_itself(app),
        "revealed": values is not None,
        "reveal_refusals": policy.refusals("reveal_env", by=by, app=app) if release.env else [],
        "run_refusals": policy.refusals("run", by=by, app=app, release=release),
    }


def made(release: Release) -> Made:
    if release.rolled_back_to_id:
        return Made("A copy, by a rollback, of", release.rolled_back_to_id)
    if release.based_on_id:
        return Made("A change of the variables of", release.based_on_id)
    if release.description.startswith("env "):
        return Made("A change of variables", None)
    return Made("A build", None)


def build_origin(release: Release) -> Origin:
    return origin(release.build)


def _told(rollout: Rollout) -> tuple[Rollout, status.Status, float | None]:
    return rollout, status.ROLLOUT[rollout.status], seconds_taken(rollout)
