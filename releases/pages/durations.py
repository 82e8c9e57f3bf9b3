"""How long things took, and how long they usually take."""

from statistics import median

from releases.models import App, Rollout
from releases.models.lifecycle import Lifecycle

COUNTED = 10  # that succeeded, for what is usual
LOOKED_AT = 100  # among so many: an app that only ever fails must not cost its whole history


def seconds_taken(row: Lifecycle) -> float | None:
    """From its making to its end; None while it runs."""
    return (row.finished_at - row.created_at).total_seconds() if row.finished_at else None


def usual_seconds(app: App, *, like: Rollout | None = None) -> float | None:
    """The median of the app's last succeeded rollouts; None before the first.

    `like`: of the same kind and strategy, where there are any: a rollback runs no release command.
    """
    ended = app.rollouts.filter(finished_at__isnull=False).order_by("-number")
    rows = ended.values_list("status", "kind", "strategy", "created_at", "finished_at")[:LOOKED_AT]
    ended_well = [row for row in rows if row[0] == "succeeded"]
    succeeded = [(kind, strategy, end - start) for _, kind, strategy, start, end in ended_well if end]
    alike = [took for kind, strategy, took in succeeded if like and (kind, strategy) == (like.kind, like.strategy)]
    taken = (alike or [took for _, _, took in succeeded])[:COUNTED]
    return median(took.total_seconds() for took in taken) if taken else None


def in_words(seconds: float) -> str:
    """`under 1 s`, `42 s`, `1:08`, `1:02:30`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s" if whole else "under 1 s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
