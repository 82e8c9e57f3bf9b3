"""What GitHub delivered to an app, and what was decided about it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.db.models.functions import Length

from releases import actions, policy
from releases.models import App, Delivery
from releases.models.delivery import FAILED, HANDLED, RECEIVED
from releases.pages.app_settings import frame
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
BUILT_FILTER = "built"
FILTERS = {**STATUS, BUILT_FILTER: BUILT}


@dataclass(frozen=True)
class Choice:
    """Which deliveries to show. `before`: only those that came before the one of this ID. Blank: all of them."""

    before: int | None = None
    event: str = ""
    status: str = ""

    def __bool__(self) -> bool:
        return self != Choice()

    @property
    def query(self) -> str:
        """The filters, for the address of the next page; each with an & in front."""
        chosen = {name: value for name in ("event", "status") if (value := getattr(self, name))}
        return "".join(f"&{urlencode({name: value})}" for name, value in chosen.items())


def context(app: App, *, by: Actor, choice: Choice | None = None) -> dict[str, Any]:
    """The newest; `choice`: those of them."""
    choice = choice or Choice()
    deliveries = _chosen(app.deliveries.order_by("-pk").select_related("build"), choice)
    sized = deliveries.annotate(size=Length("body")).defer("body", "build__manifest", "build__images")
    rows = list(sized[: SHOWN + 1])
    shown = rows[:SHOWN]
    return {
        **frame(app, "deliveries", "Webhook inbox", by=by),
        "choice": choice,
        "events": list(app.deliveries.order_by("event").values_list("event", flat=True).distinct()),
        "statuses": [(name, row.word) for name, row in FILTERS.items()],
        "rows": [
            {"delivery": row, "status": _status(row), "ref": shown_ref(row.ref), "size": row.size} for row in shown
        ],
        "older": shown[-1].pk if len(rows) > SHOWN else None,
        "has_source": hasattr(app, "source"),
        "webhook_url": actions.webhook_url(app),
        "replay_refusals": policy.refusals("replay_delivery", by=by, app=app),
    }


def _chosen(deliveries: QuerySet[Delivery], choice: Choice) -> QuerySet[Delivery]:
    if choice.before is not None:
        deliveries = deliveries.filter(pk__lt=choice.before)
    if choice.event:
        deliveries = deliveries.filter(event=choice.event)
    if choice.status == BUILT_FILTER:
        return deliveries.filter(status=HANDLED, build__isnull=False)
    return deliveries.filter(status=choice.status) if choice.status else deliveries


def _status(row: Delivery) -> Status:
    return BUILT if row.status == HANDLED and row.build_id else STATUS[row.status]
