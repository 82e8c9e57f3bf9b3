"""What the list says of every app, read at once: a constant number of queries, and no question to any cluster."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from releases.models import App, Release, Rollout
from releases.models.rollout import APP_STATUS
from releases.models.source import PROMOTE
from releases.pages import commits, status
from releases.pages.shared import Shared
from releases.pages.status import Status
from releases.pipeline import repositories

FAILED = ("failed", "rolled_back")
REASON_MAX = 160


@dataclass(frozen=True)
class Row:
    """One app. `since`: when its active release became active. `waiting`: the ID of the release to be promoted next,
    `ahead` commits before the active one. `ready` of `wanted` processes, as last known; None: nobody has looked yet.
    `lock`, `stopped`: in words, "" where it is not.
    """

    pk: int
    name: str
    repository: str
    cluster: str
    trouble: bool
    status: Status
    release: str
    commit: str
    subject: str
    since: datetime | None
    waiting: str
    ahead: int
    waiting_subject: str
    waiting_since: datetime | None
    rollout: int
    rollout_status: Status | None
    rollout_at: datetime | None
    reason: str
    ready: int | None
    wanted: int | None
    lock: str
    stopped: str
    updating: bool
    failed: bool
    changed_at: datetime

    @property
    def short(self) -> bool:
        """Fewer processes are ready than there should be, and no rollout explains it."""
        return not self.updating and self.ready is not None and self.wanted is not None and self.ready < self.wanted


def rows() -> list[Row]:
    """By name. As of a moment after the call."""
    return _shared.get()


def _read() -> list[Row]:
    apps = list(_apps())
    rollouts = {row["pk"]: row for row in _rollouts([app["newest_rollout"] for app in apps])}
    newest = [app["newest_release"] for app in apps if app["newest_release"] != app["active_release"]]
    releases = {row["pk"]: row for row in _releases([pk for pk in newest if pk])}
    moving = {row["app"]: row for row in _moving()}
    return [
        _row(app, rollouts.get(app["newest_rollout"]), releases.get(app["newest_release"]), moving.get(app["pk"]))
        for app in apps
    ]


_shared = Shared(_read)
Values = dict[str, Any]
APP_COLUMNS = (
    *("pk", "name", "created_at", "active_release", "processes_seen"),
    *("locked_at", "locked_until", "locked_by_label", "lock_reason", "stopped_at", "stopped_by", "stopped_why"),
    *("active_release__description", "active_release__build__commit", "active_release__build__subject"),
    *("cluster__name", "cluster__problem", "source__url", "source__on_push"),
)


def _apps() -> Iterable[Values]:
    newest_release = Release.objects.filter(app=OuterRef("pk")).values("pk")[:1]
    rollouts = Rollout.objects.filter(app=OuterRef("pk")).order_by("-number")
    became_active = rollouts.filter(release=OuterRef("active_release"), status="succeeded").values("finished_at")[:1]
    return App.objects.annotate(
        newest_release=Subquery(newest_release),
        newest_rollout=Subquery(rollouts.values("pk")[:1]),
        since=Subquery(became_active),
    ).values(*APP_COLUMNS, "newest_release", "newest_rollout", "since")


def _rollouts(keys: list[int | None]) -> Iterable[Any]:
    found = Rollout.objects.filter(pk__in=[key for key in keys if key])
    return found.values("pk", "number", "status", "reason", "created_at", "finished_at")


def _releases(keys: list[str]) -> Iterable[Values]:
    found = commits.with_ahead(Release.objects.filter(pk__in=keys))
    return found.values("pk", "description", "created_at", "outcome", "build__subject", "ahead")


def _moving() -> Iterable[Any]:
    """Of those that run now, few, what they see."""
    return Rollout.unfinished().values("app", "progress", "squares")


def _row(app: Values, rollout: Values | None, newest: Values | None, moving: Values | None) -> Row:
    updating = rollout is not None and rollout["finished_at"] is None
    waiting = newest if newest and not updating and newest["outcome"] not in FAILED else None
    ready, wanted = _processes(app, moving)
    moments = (
        app["created_at"],
        rollout and (rollout["finished_at"] or rollout["created_at"]),
        newest and newest["created_at"],
    )
    return Row(
        pk=app["pk"],
        name=app["name"],
        repository=_repository(app["source__url"]),
        cluster=app["cluster__name"],
        trouble=bool(app["cluster__problem"]),
        status=_status(app, rollout if updating else None),
        release=app["active_release"] or "",
        commit=(app["active_release__build__commit"] or "")[:10],
        subject=app["active_release__build__subject"] or app["active_release__description"] or "",
        since=app["since"],
        waiting=waiting["pk"] if waiting else "",
        ahead=waiting["ahead"] if waiting else 0,
        waiting_subject=_subject(waiting),
        waiting_since=waiting["created_at"] if waiting else None,
        rollout=rollout["number"] if rollout else 0,
        rollout_status=status.ROLLOUT[rollout["status"]] if rollout else None,
        rollout_at=(rollout["finished_at"] or rollout["created_at"]) if rollout else None,
        reason=_reason(rollout),
        ready=ready,
        wanted=wanted,
        lock=_lock(app),
        stopped=_stopped(app),
        updating=updating,
        failed=rollout is not None and rollout["status"] in FAILED,
        changed_at=max(filter(None, moments)),
    )


def _status(app: Values, moving: Values | None) -> Status:
    if moving is None:
        return status.APP["Running" if app["active_release"] else "Stopped"]
    return status.APP[APP_STATUS.get(moving["status"], "Rollback")]


def _subject(waiting: Values | None) -> str:
    """Of commits the newest one's; what changes variables alone says so itself."""
    if waiting is None:
        return ""
    return (waiting["build__subject"] if waiting["ahead"] else "") or waiting["description"]


def _reason(rollout: Values | None) -> str:
    if rollout is None or rollout["status"] not in FAILED:
        return ""
    reason = rollout["reason"]
    return reason if len(reason) <= REASON_MAX else reason[: REASON_MAX - 1] + "…"


def _processes(app: Values, moving: Values | None) -> tuple[int | None, int | None]:
    services = (moving["progress"].get("services") or {}) if moving else {}
    if moving and moving["squares"]:
        ready = sum(square.get("state") == "ready" for square in moving["squares"])
        return ready, sum(known.get("desired") or 0 for known in services.values())
    seen = app["processes_seen"].values()
    return (sum(ready for ready, _ in seen), sum(wanted for _, wanted in seen)) if seen else (None, None)


def _lock(app: Values) -> str:
    if app["locked_at"] is None:
        return ""
    lock = App(**{name: app[name] for name in ("locked_at", "locked_until", "locked_by_label", "lock_reason")}).lock
    if lock is None:
        return ""
    until = f", until {lock.until:%Y-%m-%d %H:%M} UTC" if lock.until else ""
    return f"Locked by {lock.by_label}{until}: {lock.reason}"


def _stopped(app: Values) -> str:
    if app["stopped_at"] is None or app["source__on_push"] != PROMOTE:
        return ""
    return f"Pushes are built and promoted by nobody: {app['stopped_why']}"


def _repository(url: str | None) -> str:
    """As people say it: without what all addresses begin with."""
    if not url:
        return ""
    return repositories.github_name(url) or url.partition("://")[2] or url
