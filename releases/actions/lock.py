"""Lock an app: nothing is promoted until somebody unlocks it, or its time is over."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from releases import audit, logs, policy
from releases.actions.next_release import start_next
from releases.errors import Invalid, WrongState
from releases.models import App
from releases.models.locks import locked
from releases.policy import Actor

REASON_MAX = 500
LONGEST = timedelta(days=366)


def lock_app(app: App, *, by: Actor, reason: str, until: datetime | None = None) -> App:
    """From now on; what runs goes on, may be aborted, and is restored where it fails. A lock that holds is replaced.

    `until`: with a time zone; it ends by itself then. Raises Invalid, NotAllowed.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_MAX or "\x00" in reason:
        raise Invalid(f"A lock says why: a reason of 1 to {REASON_MAX} characters, without a NUL.")
    now = timezone.now()
    if until is not None and not now < until <= now + LONGEST:
        raise Invalid(f"A lock ends by itself in the future, within {LONGEST.days} days.")
    end = until.astimezone(UTC) if until else None
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("lock", by=by, app=app)
        replaced = {"replaced": app.lock.by_label} if app.lock else {}
        _write(app, locked_at=now, locked_until=end, locked_by=by.person, locked_by_label=by.label, lock_reason=reason)
        told = {"until": end.isoformat()} if end else {}
        audit.record("lock", by=by, app=app, subject=app.name, reason=reason, **told, **replaced)
    return app


def unlock_app(app: App, *, by: Actor) -> None:
    """Whoever locked it. What was remembered meanwhile begins. Raises NotAllowed; WrongState when it is not
    locked."""
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("unlock", by=by, app=app)
        lock = app.lock
        if lock is None:
            raise WrongState(f"{app.name} is not locked.")
        _write(app, locked_at=None, locked_until=None, locked_by=None, locked_by_label="", lock_reason="")
        audit.record("unlock", by=by, app=app, subject=app.name, reason=lock.reason, locked_by=lock.by_label)
        start_next(app.pk)


def _write(app: App, **columns: object) -> None:
    for name, value in columns.items():
        setattr(app, name, value)
    app.save(update_fields=list(columns))
    logs.pages_changed(app.pk)
