"""Promote, roll back, abort."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.errors import Invalid, NotAllowed
from releases.models import App, Release, Rollout
from releases.policy import Actor


def promote(release: Release, *, by: Actor, note: str = "") -> Rollout:
    """Start a rollout of `release`. Raises NotAllowed with all reasons; of two in the same instant one gets it."""
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=release.app_id)
        policy.require("promote", by=by, app=app, release=release)
        return _start(app, release, by=by, kind=Rollout.PROMOTE, note=note)


def rollback(release: Release, *, by: Actor, note: str = "") -> Rollout:
    """Copy an older release and promote the copy; `rollout.release` is the copy. What is staged is discarded."""
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=release.app_id)
        policy.require("rollback", by=by, app=app, release=release)
        if app.active_release_id == release.pk:
            raise NotAllowed(f"{release.pk} is the active release already.")
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
        policy.require("promote", by=by, app=app, release=copy)
        if app.staged:
            App.objects.filter(pk=app.pk).update(staged={})
        return _start(app, copy, by=by, kind=Rollout.ROLLBACK, note=note, discarded=sorted(app.staged))


def abort(rollout: Rollout, *, by: Actor) -> None:
    """Stop it: nothing has changed yet → cancelled; else the previous release comes back. Raises NotAllowed."""
    policy.require("abort", by=by)
    with transaction.atomic():
        rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
        if rollout.is_finished:
            raise NotAllowed(f"Rollout {rollout.number} is over already: {rollout.status.replace('_', ' ')}.")
        if rollout.status == "rolling_back":
            raise NotAllowed(f"Rollout {rollout.number} is being rolled back already.")
        if rollout.status == "queued":
            reason = f"Aborted by {by.label} before anything was changed."
            rollout.renew()  # takes the pen from a worker that may have begun to prepare
            logs.append(rollout, [logs.Line("system/deployer", reason)])
            rollout.transition("cancelled", reason=reason)
        else:
            rollout.write(abort_requested_at=timezone.now(), abort_by=by.label)
        audit.record("abort", by=by, app=rollout.app, subject=str(rollout.number))
        logs.pages_changed(rollout.app_id)


def _start(
    app: App, release: Release, *, by: Actor, kind: str, note: str, discarded: list[str] | None = None
) -> Rollout:
    if len(note) > 500 or "\x00" in note:
        raise Invalid("A note has at most 500 characters, and no NUL.")
    number = app.rollouts_made + 1
    App.objects.filter(pk=app.pk).update(rollouts_made=number)
    try:
        with transaction.atomic():
            rollout = Rollout.objects.create(
                app=app,
                number=number,
                kind=kind,
                release=release,
                previous=app.active_release,
                strategy=release.manifest["deployment"]["strategy"],
                note=note,
                heartbeat=timezone.now(),
                **by.columns(),
            )
    except IntegrityError as error:
        running = app.unfinished_rollout
        if running is None:
            raise
        reason = policy.rollout_in_progress(app.name, running.number, running.release_id)
        raise policy.refusal([reason]) from error
    audit.record(kind, by=by, app=app, subject=release.pk, rollout=number, note=note, discarded=discarded or [])
    if discarded:
        words = f"Staged variables are discarded by the rollback: {', '.join(discarded)}."
        logs.append(rollout, [logs.Line("system/deployer", words)])
    queues.enqueue_rollout(rollout)
    logs.pages_changed(app.pk)
    return rollout
