"""Taking a copy of what was written down."""

from releases import audit, policy
from releases.models import App
from releases.policy import Actor


def export_activity(app: App | None, *, by: Actor, asked: str) -> None:
    """Write down that `by` takes it with them, where it is more than everybody may read: all of it.

    `asked`: the filter, as the address has it. Raises NotAllowed.
    """
    policy.require("view", by=by, app=app)
    if app is None and not policy.refusals("view_audit", by=by):
        audit.record("export_activity", by=by, asked=asked)
