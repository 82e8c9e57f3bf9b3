"""One app: what runs, what is next and what that would change, its releases, what happened."""

from collections.abc import Iterable
from typing import Any

from releases import actions, policy
from releases.models import App, Build, Cluster, Release, Rollout, Source
from releases.models.build import WAITING
from releases.models.source import BUILD, NOTHING, PROMOTE
from releases.pages import compare, squares, status, volumes
from releases.pages.choices import Choice, Judge
from releases.pages.doubts import doubts
from releases.pages.durations import usual_seconds
from releases.pages.history import events
from releases.pages.origin import web_address
from releases.pipeline import repositories
from releases.pipeline.addresses import addresses
from releases.policy import Actor, Reason

SECTIONS = ("app-head", "app-next", "app-releases", "app-processes", "app-activity")
RELEASES_SHOWN = 8
ACTIVITY_SHOWN = 8
ON_PUSH = {
    NOTHING: "pushes do nothing",
    BUILD: "pushes build, a person promotes",
    PROMOTE: "pushes are built and promoted",
}


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """Of an app with its cluster, its active release and the build of that. Constant in queries."""
    running = app.unfinished_rollout
    return {
        **_head(app, running, by),
        **_next(app, running, by),
        **_processes(app, running, by),
        "activity": events.of_app(app, limit=ACTIVITY_SHOWN),
    }


def _head(app: App, running: Rollout | None, by: Actor) -> dict[str, Any]:
    word = running.app_status if running else ("Running" if app.active_release_id else "Stopped")
    shown = status.APP[word]
    source = Source.objects.filter(app=app).defer("webhook_secret", "token", "deploy_key").first()
    if source is not None:
        source.app = app
    return {
        "status": shown,
        "tab": f"{shown.icon} {app.name}",
        "addresses": addresses(app, app.active_release),
        "source": source,
        "repository": _repository(source),
        "on_push": _on_push(source),
        "active_since": _active_since(app),
        "several_clusters": Cluster.objects.count() > 1,
        "build_refusals": policy.refusals("create_build", by=by, app=app),
        "resume_refusals": policy.refusals("resume", by=by, app=app),
    }


def _next(app: App, running: Rollout | None, by: Actor) -> dict[str, Any]:
    releases = _releases(app)
    rollouts = _rollouts_of(app, releases)
    judge = Judge(app, by)
    choices = [judge.choice(release, rollouts.get(release.pk, [])) for release in releases[:RELEASES_SHOWN]]
    shared = _shared(choices)
    chosen = choices[0] if choices and choices[0].action else None
    return {
        "running": running,
        "running_place": actions.queue_place(running, by=by) if running else "",
        "running_status": status.ROLLOUT[running.status] if running else None,
        "choices": choices,
        "shared_refusals": shared,
        "said_above": bool(shared and chosen and not running and chosen.refusals == shared),
        "more_releases": len(releases) > RELEASES_SHOWN,
        "next": chosen,
        "next_place": _place_of_next(app, by),
        "changes": _changes(chosen, app),
        "doubts": doubts(chosen.release, app) if chosen and chosen.action == "promote" else [],
        "usual_seconds": usual_seconds(app),
        "building": [(build, actions.queue_place(build, by=by)) for build in _unfinished_builds(app)],
        "newest_build": app.builds.only("id", "status", "app_id", "created_at", "reason").first(),
        "awaiting": list(_awaiting_checks(app)),
    }


def _processes(app: App, running: Rollout | None, by: Actor) -> dict[str, Any]:
    return {
        "seen": squares.Seen(squares.of_rollout(running)) if running else squares.of_app(app, by=by),
        "desired": squares.desired(app),
        "scale_refusals": policy.refusals("scale", by=by, app=app),
        "orphaned_volumes": volumes.orphaned(app, by=by),
    }


def _repository(source: Source | None) -> tuple[str, str]:
    """What it is called, and its page; "" where there is none."""
    if source is None:
        return "", ""
    return repositories.github_name(source.url) or source.url.partition("://")[2] or source.url, web_address(source.url)


def _on_push(source: Source | None) -> str:
    if source is None:
        return ""
    checks = ", once GitHub's checks are green" if source.wait_for_checks and source.on_push == PROMOTE else ""
    return ON_PUSH[source.on_push] + checks


def _active_since(app: App) -> Any:
    made = app.rollouts.filter(release=app.active_release_id, status="succeeded").order_by("-number")
    return made.values_list("finished_at", flat=True).first() if app.active_release_id else None


def _releases(app: App) -> list[Release]:
    """What a promote needs is read of few; what their builds hold besides, of none."""
    releases = app.releases.select_related("build", "by").defer("build__manifest", "build__images")
    return list(releases[: RELEASES_SHOWN + 1])


def _place_of_next(app: App, by: Actor) -> str:
    """Of a promote that is remembered."""
    return actions.queue_place(app.next_release, by=by) if app.next_release else ""


def _changes(choice: Choice | None, app: App) -> list[compare.Change]:
    return compare.changes(choice.release, app.active_release) if choice and app.active_release else []


def _unfinished_builds(app: App) -> Iterable[Build]:
    return Build.unfinished().filter(app=app).select_related("by").defer("manifest", "images")[:5]


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


def _shared(choices: list[Choice]) -> list[Reason]:
    """The reasons that hold for every button of the table: they are written once, above it."""
    held = [choice.refusals for choice in choices if choice.action]
    return [reason for reason in held[0] if all(reason in reasons for reasons in held)] if held else []
