"""What GitHub delivered to an app, and what was decided about it."""

from typing import Any

from releases import actions, policy
from releases.models import App, Delivery
from releases.models.delivery import FAILED, HANDLED, RECEIVED
from releases.pages.origin import shown_ref
from releases.pages.status import Status
from releases.policy import Actor

SECTIONS = ("deliveries-list",)
SHOWN = 50
STATUS = {
    RECEIVED: Status("◌", "Waiting", "busy"),
    HANDLED: Status("✓", "Handled", "quiet"),
    FAILED: Status("✕", "Failed", "bad"),
}
BUILT = Status("✓", "Built", "ok")


def context(app: App, *, by: Actor, before: int | None = None) -> dict[str, Any]:
    """`before`: the ID of a delivery; those that came before it, else the newest."""
    deliveries = app.deliveries.order_by("-pk").select_related("build")
    if before is not None:
        deliveries = deliveries.filter(pk__lt=before)
    rows = list(deliveries.defer("build__manifest", "build__images")[: SHOWN + 1])
    shown = rows[:SHOWN]
    return {
        "app": app,
        "tab": f"Deliveries · {app.name}",
        "rows": [{"delivery": row, "status": _status(row), "ref": shown_ref(row.ref)} for row in shown],
        "older": shown[-1].pk if len(rows) > SHOWN else None,
        "before": before,
        "has_source": hasattr(app, "source"),
        "webhook_url": actions.webhook_url(app),
        "replay_refusals": policy.refusals("replay_delivery", by=by, app=app),
    }


def _status(row: Delivery) -> Status:
    return BUILT if row.status == HANDLED and row.build_id else STATUS[row.status]
