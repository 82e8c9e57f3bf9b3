"""What Deployer knows of an app by itself: what runs or is rolled out, what it changes, how the newest rollout went."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F

from releases.models import App, Release, Rollout
from releases.pipeline import differences
from releases.pipeline.diagnosis import Changes, Known, RolloutKnown

Object = dict[str, Any]
PREPARE, COMMAND, ROLLING, VERIFY, ACTIVE, RESTORE = STEPS = (
    "prepare",
    "release command",
    "rolling",
    "verify",
    "active",
    "restore",
)
# Written out, as models do: to ask for them by name would load all pages into each worker.
PLACES = {
    **{name: name for name in ("processes", "env", "logs", "settings", "source", "deliveries", "releases")},
    "domains": "settings/domains",
    "registries": "settings/registry",
}
ON_THEIR_WAY = ("releasing", "rolling", "paused")
WELL = ("rolling", "succeeded")  # what was written then is what is wanted still


def known_of(app: App, *, queued_for: Callable[[Rollout], str] = lambda rollout: "") -> Known:
    """A constant number of queries. `queued_for`: why a rollout that is queued waits."""
    rollout = newest(app)
    running = _meant(app, rollout)
    return Known(
        app=app.name,
        release=running.pk if running else "",
        active=app.active_release_id or "",
        manifest=running.manifest if running else None,
        variables=frozenset(running.variables()) if running else frozenset(),
        changes=changes(rollout) if rollout else None,
        rollout=of_rollout(rollout, queued_for=queued_for(rollout)) if rollout else None,
        baseline=baseline(rollout) if rollout is not None and not rollout.is_finished else {},
        written=written(rollout) if rollout is not None and rollout.status in WELL else {},
        paths=paths(app, rollout, running),
    )


def _meant(app: App, rollout: Rollout | None) -> Release | None:
    """What is rolled out, else what is active; of an app of which nothing runs what came last."""
    if rollout is not None and rollout.status in ON_THEIR_WAY:
        return rollout.release
    if app.active_release is not None:
        return app.active_release
    return rollout.release if rollout is not None else app.releases.order_by("-created_at", "-id").first()


def newest(app: App) -> Rollout | None:
    """The newest rollout, with the first finding of the diagnosis that was stored with it as `first`."""
    rollouts = Rollout.objects.filter(app=app).select_related("release", "previous").defer(*Rollout.LARGE)
    rollout = rollouts.annotate(first=F("diagnosis__findings__0")).order_by("-number").first()
    if rollout is not None:
        rollout.app = app
    return rollout


def of_rollout(rollout: Rollout, *, queued_for: str = "") -> RolloutKnown:
    first = getattr(rollout, "first", None)
    return RolloutKnown(
        number=rollout.number,
        status=rollout.status,
        release=rollout.release_id,
        previous=rollout.previous_id or "",
        cause=rollout.cause,
        reason=rollout.reason,
        hint=rollout.hint,
        step=step(rollout),
        restored=restored(rollout),
        finished_at=rollout.finished_at,
        queued_for=queued_for,
        first=first if isinstance(first, dict) else None,
    )


def step(rollout: Rollout) -> str:
    """One of STEPS: where it is; of one that is over, where it ended; of one that was turned round well, where it
    failed."""
    if rollout.status == "succeeded":
        return ACTIVE
    if rollout.status in ("rolling_back", "failed") and "restore_since" in rollout.progress:
        return RESTORE
    return reached(rollout)


def reached(rollout: Rollout) -> str:
    """Of STEPS the furthest that it came on its way forward."""
    progress = rollout.progress
    if progress.get("verify_until") or progress.get("ready_since"):
        return VERIFY
    if progress.get("command_failed"):
        return COMMAND
    entered = progress.get("entered") or {}
    if progress.get("applied") or "rolling" in entered or rollout.status in ("rolling", "paused"):
        return ROLLING
    return COMMAND if "releasing" in entered or rollout.status == "releasing" else PREPARE


def restored(rollout: Rollout) -> bool | None:
    """Whether the previous release is completely back; None while that is open, or where nothing was changed."""
    if rollout.status == "rolled_back":
        return True
    return False if rollout.status == "failed" and "restore_since" in rollout.progress else None


def changes(rollout: Rollout) -> Changes | None:
    """What its release changes of the last one that had worked before it, by names; None if it was the first."""
    before, after = rollout.previous, rollout.release
    if before is None or before.pk == after.pk:
        return None
    variables: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    for variable in differences.variables(after, before):
        variables[variable.change].append(variable.name)
    return Changes(
        before=before.pk,
        after=after.pk,
        images=tuple(image.service for image in differences.images(after, before)),
        variables_added=tuple(variables["added"]),
        variables_removed=tuple(variables["removed"]),
        variables_changed=tuple(variables["changed"]),
        manifest=tuple(differences.place(value) for value in differences.manifest(after, before)),
    )


def baseline(rollout: Rollout) -> dict[str, int]:
    """Pod uid → the exits that are none of this rollout's: earlier ones, and those of programs that never began."""
    before: dict[str, int] = {}
    for service in ((rollout.baseline or {}).get("services") or {}).values():
        before |= service.get("exits") or {}
    for service in written(rollout).values():
        for uid, count in (service.get("unstarted") or {}).items():
            before[uid] = before.get(uid, 0) + count
    return before


def written(rollout: Rollout) -> Mapping[str, Object]:
    """Service → what is remembered of its Deployment."""
    return rollout.progress.get("services") or {}


def paths(app: App, rollout: Rollout | None, release: Release | None) -> dict[str, str]:
    """Page → its path."""
    here = app.get_absolute_url()
    found = {"app": here, "cluster": app.cluster.get_absolute_url()}
    found |= {page: f"{here}/{place}" for page, place in PLACES.items()}
    if rollout is not None:
        found["rollout"] = rollout.get_absolute_url()
        found["rollout-diagnosis"] = f"{found['rollout']}/diagnosis"
    if release is not None:
        found["release"] = release.get_absolute_url()
    return found
