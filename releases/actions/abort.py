"""Stop a rollout."""

from django.db import transaction
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions.next_release import start_next
from releases.errors import WrongState
from releases.models import App, Rollout
from releases.models.locks import locked
from releases.policy import Actor


def abort(rollout: Rollout, *, by: Actor) -> None:
    """Stop it: nothing has changed yet → cancelled; else the previous release comes back. Raises NotAllowed,
    WrongState."""
    policy.require("abort", by=by, app=rollout.app)
    with transaction.atomic():
        locked(App.objects.all()).get(pk=rollout.app_id)  # before the rollout, as everybody else locks them
        rollout = locked(Rollout.objects.all()).get(pk=rollout.pk)
        if rollout.is_finished:
            raise WrongState(f"Rollout {rollout.number} is over already: {rollout.status.replace('_', ' ')}.")
        if rollout.status == "rolling_back":
            raise WrongState(f"Rollout {rollout.number} is being rolled back already.")
        audit.record("abort", by=by, app=rollout.app, subject=str(rollout.number))
        if rollout.status == "queued" and not rollout.inherits_change:
            _cancel(rollout, f"Aborted by {by.label} before anything was changed.")
        else:
            _ask(rollout, by)
        logs.pages_changed(rollout.app_id)


def _cancel(rollout: Rollout, reason: str) -> None:
    rollout.renew()  # takes the pen from a worker that may have begun to prepare
    logs.append(rollout, [logs.Line("system/deployer", reason)])
    rollout.transition("cancelled", reason=reason)
    start_next(rollout.app_id)


def _ask(rollout: Rollout, by: Actor) -> None:
    """Its worker sees it within moments; one that is paused has none, and gets one."""
    rollout.write(abort_requested_at=timezone.now(), abort_by=by.label)
    if rollout.status == "paused" and rollout.renew():
        queues.enqueue_rollout(rollout)
