"""Which rollouts have ended that somebody wants to hear of: those they began, and those whose page they had open."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max, Q, QuerySet

from releases import policy
from releases.models import Rollout
from releases.pages import status
from releases.policy import Actor

WATCHED_MAX = 20
ENDED_MAX = 20
ENDINGS = {
    "succeeded": "is active",
    "rolled_back": "was rolled back",
    "failed": "failed",
    "cancelled": "was cancelled",
    "superseded": "was superseded",
}


@dataclass(frozen=True)
class Look:
    """`seen`: the newest rollout there was. `watched`: keys (`app.number`) of those that go on. `ended`: toasts."""

    seen: int
    watched: list[str]
    ended: list[dict[str, Any]] = field(default_factory=list)


def look(seen: int | None, watched: list[str], *, by: Actor) -> Look:
    """What has ended of `watched`, and of those that `by` began after `seen`; None: of those that run now alone.

    Four queries. Whoever gives what an earlier look gave misses none, however long that was ago.
    """
    newest = Rollout.objects.aggregate(newest=Max("pk"))["newest"] or 0
    found = [*_going(by), *_own(seen, newest, by), *_of(watched)]
    rows = {row.pk: row for row in found if policy.reaches(row.app_id, by=by)}
    ended = [row for row in rows.values() if row.is_finished]
    ended.sort(key=lambda row: (row.finished_at is not None, row.finished_at, row.pk))
    going = [_key(row) for row in rows.values() if not row.is_finished]
    return Look(newest, going[:WATCHED_MAX], [_toast(row) for row in ended[-ENDED_MAX:]])


def _rollouts() -> QuerySet[Rollout]:
    columns = ("id", "app__name", "by_id", "number", "status", "release_id", "reason", "finished_at")
    return Rollout.objects.select_related("app").only(*columns).order_by("-pk")


def _going(by: Actor) -> list[Rollout]:
    """Those of `by` that have not ended: picked here from all such, which are few beside those that somebody began."""
    unfinished = _rollouts().filter(status__in=Rollout.unfinished_statuses(), finished_at=None)
    return [row for row in unfinished if by.person is not None and row.by_id == by.person.pk]


def _own(seen: int | None, newest: int, by: Actor) -> QuerySet[Rollout]:
    """What `by` has begun since."""
    if by.person is None or seen is None:
        return Rollout.objects.none()
    return _rollouts().filter(by=by.person, pk__gt=seen, pk__lte=newest)[:ENDED_MAX]


def _of(watched: list[str]) -> QuerySet[Rollout]:
    wanted = Q(pk__in=[])
    for key in watched[:WATCHED_MAX]:
        app_name, _, number = key.rpartition(".")
        if number.isascii() and number.isdigit() and len(number) < 10:
            wanted |= Q(app__name=app_name[:80], number=int(number))
    return _rollouts().filter(wanted)


def _key(rollout: Rollout) -> str:
    return f"{rollout.app.name}.{rollout.number}"


def _toast(rollout: Rollout) -> dict[str, Any]:
    shown = status.ROLLOUT[rollout.status]
    return {
        "key": _key(rollout),
        "address": rollout.get_absolute_url(),
        "icon": shown.icon,
        "tone": shown.tone,
        "words": f"{rollout.app.name}: {rollout.release_id} {ENDINGS[rollout.status]}",
        "more": rollout.reason if shown.tone != "ok" else "",
    }
