"""Promote and roll back."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions import stopping
from releases.errors import Invalid, WrongState
from releases.models import App, Release, Rollout
from releases.models.locks import hosts_locked, locked
from releases.policy import Actor


def promote(release: Release, *, by: Actor, note: str = "", replace: bool = False, automatic: bool = False) -> Rollout:
    """Start a rollout of `release`. Raises NotAllowed with all reasons; of two in the same instant one gets it.

    `replace`: one that runs is ended by this one, which goes on from what that has changed; not in `rolling_back`.
    `automatic`: no person asked for it; if it does not succeed, nothing more is promoted by itself. A person who
    promotes what was active before goes back, as by a rollback: the next push is not to undo that either.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=release.app_id)
        running = unfinished(app) if replace else None
        if release.has_hosts:
            hosts_locked(app)
        policy.require("promote", by=by, app=app, release=release, replace=replace)
        if not automatic and _goes_back(app, release):
            stopping.stop(app, by=by, why=f"{by.label} went back to {release.pk}.")
        return _start(app, release, by=by, kind=Rollout.PROMOTE, note=note, replacing=running, automatic=automatic)


def rollback(release: Release, *, by: Actor, note: str = "", replace: bool = False) -> Rollout:
    """Copy an older release and promote the copy; `rollout.release` is the copy. What is staged is discarded.

    Whoever goes back on purpose does not want the next push to undo that: nothing is promoted by itself any more.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=release.app_id)
        running = unfinished(app) if replace else None
        if release.has_hosts:
            hosts_locked(app)
        policy.require("rollback", by=by, app=app, release=release, replace=replace)
        if app.active_release_id == release.pk and running is None:
            raise WrongState(f"{release.pk} is the active release already.")
        copy = Release.objects.create(
            app=app,
            build_id=release.build_id,
            manifest=release.manifest,
            images=release.images,
            env=release.env,
            description=f"rollback to {release.pk}",
            rolled_back_to=release,
            **by.columns(),
        )
        policy.require("promote", by=by, app=app, release=copy, replace=replace)
        stopping.stop(app, by=by, why=f"{by.label} rolled back to {release.pk}.")
        if app.staged:
            App.objects.filter(pk=app.pk).update(staged={})
        return _start(
            app, copy, by=by, kind=Rollout.ROLLBACK, note=note, replacing=running, discarded=sorted(app.staged)
        )


def continue_rollout(rollout: Rollout, *, by: Actor) -> None:
    """Raises WrongState: no strategy has a step yet that waits for a person."""
    policy.require("continue_rollout", by=by, app=rollout.app)
    state = "is over already" if rollout.is_finished else "does not wait for a person"
    raise WrongState(f"Rollout {rollout.number} {state}: {rollout.status.replace('_', ' ')}.")


def unfinished(app: App) -> Rollout | None:
    """The rollout that runs, locked: its worker can't move it until our transaction ends."""
    running = Rollout.unfinished().filter(app=app)
    return locked(running).select_related("app").defer(*Rollout.LARGE).first()


def _goes_back(app: App, release: Release) -> bool:
    if app.active_release_id in (None, release.pk):
        return False
    return app.rollouts.filter(release=release, status="succeeded").exists()


def _start(
    app: App,
    release: Release,
    *,
    by: Actor,
    kind: str,
    note: str,
    replacing: Rollout | None = None,
    discarded: list[str] | None = None,
    automatic: bool = False,
) -> Rollout:
    if len(note) > 500 or "\x00" in note:
        raise Invalid("A note has at most 500 characters, and no NUL.")
    number = app.rollouts_made + 1
    App.objects.filter(pk=app.pk).update(rollouts_made=number)
    changed = replacing is not None and (replacing.status in ("rolling", "paused") or replacing.inherits_change)
    if replacing is not None:
        partly = " Its release command may have run in part." if replacing.status == "releasing" else ""
        _supersede(replacing, f"Replaced by rollout {number} ({release.pk}) of {by.label}.{partly}")
    try:
        with transaction.atomic():
            rollout = Rollout.objects.create(
                app=app,
                number=number,
                kind=kind,
                release=release,
                previous=app.active_release,
                replaces=replacing,
                progress={"inherits": True} if changed else {},
                strategy=release.manifest["deployment"]["strategy"],
                note=note,
                automatic=automatic,
                heartbeat=timezone.now(),
                **by.columns(),
            )
    except IntegrityError as error:
        running = app.unfinished_rollout
        if running is None:
            raise
        reason = policy.running_rollout(app.name, running.number, running.release_id)
        raise policy.refusal([reason]) from error
    more: dict[str, object] = {"replaced": replacing.number} if replacing else {}
    if kind == Rollout.ROLLBACK:
        more["of"] = release.rolled_back_to_id
    audit.record(kind, by=by, app=app, subject=release.pk, rollout=number, note=note, discarded=discarded or [], **more)
    if discarded:
        words = f"Staged variables are discarded by the rollback: {', '.join(discarded)}."
        logs.append(rollout, [logs.Line("system/deployer", words)])
    queues.enqueue_rollout(rollout)
    logs.pages_changed(app.pk)
    return rollout


def _supersede(running: Rollout, reason: str) -> None:
    """Takes the pen from its worker, whatever that is doing; in the cluster the successor's higher number does."""
    running.renew()
    logs.append(running, [logs.Line("system/deployer", reason)])
    running.transition("superseded", reason=reason)
