"""One app: what runs, what is next, its releases, what happened."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from releases import actions, policy
from releases.models import App, AuditEntry, Build, Cluster, Release, Rollout, Source
from releases.models.build import WAITING
from releases.pages import compare, squares, status, volumes
from releases.pages.durations import seconds_taken, usual_seconds
from releases.pipeline.addresses import addresses
from releases.policy import Actor, Reason

SECTIONS = ("app-head", "app-next", "app-releases", "app-processes", "app-activity")
RELEASES_SHOWN = 25
ACTIVITY_SHOWN = 12


@dataclass(frozen=True)
class Choice:
    """A release, what became of it, and what one can do with it now: `action` is promote, rollback or "".

    `replaces`: the number of the rollout that could be ended for its sake, where that alone is in the way.
    """

    release: Release
    rollout: Rollout | None
    outcome: status.Status | None
    action: str
    refusals: list[Reason]
    replaces: int | None = None


class Judge:
    """Which button each release of an app gets, and why it may not be pressed; the app is looked at once for all."""

    def __init__(self, app: App, by: Actor) -> None:
        self.app, self.by = app, by
        self.general = {action: policy.refusals(action, by=by, app=app) for action in ("promote", "rollback")}

    def choice(self, release: Release, rollouts: list[Rollout]) -> Choice:
        """`rollouts`: those of this release, newest first."""
        last = rollouts[0] if rollouts else None
        outcome = status.ROLLOUT[last.status] if last else None
        if release.pk == self.app.active_release_id:
            return Choice(release, last, status.Status("●", "active", "ok"), "", [])
        if last is not None and not last.is_finished:
            return Choice(release, last, outcome, "", [])
        succeeded = any(rollout.status == "succeeded" for rollout in rollouts)
        action = "rollback" if succeeded else "promote"
        own = policy.refusals("promote", by=self.by, release=release)
        reasons = self.general[action] + [reason for reason in own if reason not in self.general[action]]
        replaces = self._replaceable if all(reason.name == "rollout_in_progress" for reason in reasons) else None
        return Choice(release, last, None if succeeded else outcome, action, _once(reasons), replaces)

    @cached_property
    def _replaceable(self) -> int | None:
        running = self.app.unfinished_rollout
        return running.number if running and running.status != "rolling_back" else None


def context(app: App, *, by: Actor) -> dict[str, Any]:
    running = app.unfinished_rollout
    word = running.app_status if running else ("Running" if app.active_release_id else "Stopped")
    releases = list(app.releases.select_related("build", "by")[: RELEASES_SHOWN + 1])
    rollouts = _rollouts_of(app, releases)
    judge = Judge(app, by)
    choices = [judge.choice(release, rollouts.get(release.pk, [])) for release in releases[:RELEASES_SHOWN]]
    next_choice = choices[0] if choices and choices[0].action else None
    shown = status.APP[word]
    seen = squares.Seen(squares.of_rollout(running)) if running else squares.of_app(app, by=by)
    return {
        "status": shown,
        "tab": f"{shown.icon} {app.name}",
        "addresses": addresses(app, app.active_release),
        "running": running,
        "running_place": actions.queue_place(running, by=by) if running else "",
        "running_status": status.ROLLOUT[running.status] if running else None,
        "choices": choices,
        "shared_refusals": _shared(choices),
        "more_releases": len(releases) > RELEASES_SHOWN,
        "next": next_choice,
        "changes": _changes(next_choice, app),
        "usual_seconds": usual_seconds(app),
        "building": [(build, actions.queue_place(build, by=by)) for build in _unfinished_builds(app)],
        "newest_build": app.builds.only("id", "status", "app_id", "created_at", "reason").first(),
        "source": _source(app),
        "build_refusals": policy.refusals("create_build", by=by, app=app),
        "resume_refusals": policy.refusals("resume", by=by, app=app),
        "awaiting": list(_awaiting_checks(app)),
        "seen": seen,
        "desired": squares.desired(app),
        "scale_refusals": policy.refusals("scale", by=by, app=app),
        "orphaned_volumes": volumes.orphaned(app, by=by),
        "several_clusters": Cluster.objects.count() > 1,
        "activity": _activity(app),
    }


def _changes(choice: Choice | None, app: App) -> list[compare.Change]:
    return compare.changes(choice.release, app.active_release) if choice and app.active_release else []


def _unfinished_builds(app: App) -> Iterable[Build]:
    return Build.unfinished().filter(app=app).defer("manifest", "images")[:5]


def _source(app: App) -> Source | None:
    return Source.objects.filter(app=app).defer("webhook_secret", "token", "deploy_key").first()


def _awaiting_checks(app: App) -> Iterable[Build]:
    """Built, and promoted by themselves once GitHub has found their commits good."""
    return app.builds.filter(status="succeeded", checks=WAITING).defer("manifest", "images")[:5]


def _rollouts_of(app: App, releases: list[Release]) -> dict[str, list[Rollout]]:
    of: dict[str, list[Rollout]] = {}
    rows = app.rollouts.filter(release__in=[release.pk for release in releases]).order_by("-number")
    for rollout in rows.only("id", "app_id", "number", "status", "release_id", "reason"):
        rollout.app = app
        of.setdefault(rollout.release_id, []).append(rollout)
    return of


@dataclass(frozen=True)
class Event:
    """Something that somebody did; `rollout` is what came of a promote or rollback."""

    entry: AuditEntry
    words: str
    rollout: Rollout | None
    status: status.Status | None
    seconds: float | None


WORDS = {
    "create_app": "created the app",
    "create_build": "started build",
    "promote_next": "put next in line",
    "drop_promote": "did not promote",
    "cancel_build": "cancelled build",
    "promote": "promoted",
    "rollback": "rolled back to",
    "abort": "aborted rollout",
    "set_env": "changed variables:",
    "reveal_env": "looked at the variables' values",
    "set_source": "connected the repository",
    "test_source": "tested the connection to",
    "remove_source": "disconnected the repository",
    "new_webhook_secret": "made a new webhook secret for",
    "stop_promoting": "stopped promotes by itself of",
    "resume": "resumed promotes by itself of",
    "replay_delivery": "replayed the delivery",
    "use_registry": "sends images to the registry",
    "create_release": "made the release",
    "lock": "locked",
    "unlock": "unlocked",
    "add_domain": "added the domain",
    "remove_domain": "removed the domain",
    "scale": "scaled",
    "restart": "restarted",
    "stop_process": "stopped the process",
    "run": "ran a command with",
    "retention": "cleaned up after",
    "images_left": "gave up deleting",
}


def _activity(app: App) -> list[Event]:
    entries = list(AuditEntry.objects.filter(app_name=app.name, at__gte=app.created_at)[:ACTIVITY_SHOWN])
    numbers = [entry.detail.get("rollout") for entry in entries if entry.detail.get("rollout")]
    rows = app.rollouts.filter(number__in=numbers).only(
        "id", "app_id", "number", "status", "reason", "created_at", "finished_at"
    )
    rollouts = {rollout.number: rollout for rollout in rows}
    return [_event(app, entry, rollouts.get(entry.detail.get("rollout", 0))) for entry in entries]


def _event(app: App, entry: AuditEntry, rollout: Rollout | None) -> Event:
    words = WORDS.get(entry.action, entry.action.replace("_", " "))
    if entry.action == "scale":
        words = f"scaled {entry.subject} to {entry.detail.get('count')}"
    elif entry.action == "restart":
        words = f"restarted {', '.join(entry.detail.get('services', []))}"
    elif entry.action == "set_env":
        words = " ".join([words, *entry.detail.get("set", []), *(f"−{name}" for name in entry.detail.get("unset", []))])
    elif entry.action not in ("create_app", "reveal_env"):
        words = f"{words} {entry.subject}"
    if rollout is None:
        return Event(entry, words, None, None, None)
    rollout.app = app
    return Event(entry, words, rollout, status.ROLLOUT[rollout.status], seconds_taken(rollout))


def _shared(choices: list[Choice]) -> list[Reason]:
    """The reasons that hold for every button of the table: they are written once, above it."""
    held = [choice.refusals for choice in choices if choice.action]
    return [reason for reason in held[0] if all(reason in reasons for reasons in held)] if held else []


def _once(reasons: list[Reason]) -> list[Reason]:
    return list(dict.fromkeys(reasons))
