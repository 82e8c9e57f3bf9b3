"""How long things took."""

from statistics import median

from releases.models import App
from releases.models.lifecycle import Lifecycle

LOOKED_AT = 20


def seconds_taken(row: Lifecycle) -> float | None:
    """From its making to its end; None while it runs."""
    return (row.finished_at - row.created_at).total_seconds() if row.finished_at else None


def usual_seconds(app: App) -> float | None:
    """The median of the app's latest succeeded rollouts; None before the first."""
    latest = app.rollouts.filter(status="succeeded", finished_at__isnull=False).order_by("-number")
    moments = latest.values_list("created_at", "finished_at")[:LOOKED_AT]
    taken = [(end - start).total_seconds() for start, end in moments if end]
    return median(taken) if taken else None
