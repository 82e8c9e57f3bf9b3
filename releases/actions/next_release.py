"""Promotes that nobody waits for: remembered while a rollout runs, and started at its end. The newest wins.

One that nobody asked for in person is also remembered while the app is locked. Who asks for it in person is told that
they must not: what they see is what happens.
"""

from django.db import transaction

from releases import audit, logs, policy
from releases.actions import rollouts, stopping
from releases.errors import NotAllowed
from releases.models import App, Release, Rollout
from releases.models.locks import locked
from releases.models.storable import fitted
from releases.policy import Actor, Reason

WAITS_FOR = {"rollout_in_progress", "rolling_back"}
LOCKED = "locked"


def promote_when_free(
    release: Release, *, by: Actor, note: str = "", replace: bool = False, automatic: bool = False
) -> Rollout | None:
    """Promote now; or, while a rollout runs, when that ends: then None. Raises NotAllowed for any other reason.

    `automatic`: while the app is locked, too.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=release.app_id)
        running = rollouts.unfinished(app)
        reasons = policy.refusals("promote", by=by, app=app, release=release, replace=replace)
        waits_for = WAITS_FOR | {LOCKED} if automatic else WAITS_FOR
        if not reasons or any(reason.name not in waits_for for reason in reasons):
            return rollouts.promote(release, by=by, note=note, replace=replace, automatic=automatic)
        known = app.next_release
        if known is not None and _age(known) > _age(release):
            raise policy.refusal([Reason("not_newest", f"{known.pk}, which is newer, is promoted next.")])
        if known is not None:
            _drop(app, known, [Reason("not_newest", f"{release.pk}, which is newer, is promoted next.")])
        columns = by.columns()
        App.objects.filter(pk=app.pk).update(
            next_release=release,
            next_by=columns["by"],
            next_by_label=columns["by_label"],
            next_note=note,
            next_automatic=automatic,
        )
        after = {"after": running.number} if running else {}
        audit.record("promote_next", by=by, app=app, subject=release.pk, locked=app.lock is not None, **after)
        if running is not None:
            when = " and ".join(filter(None, ["this rollout is over", unlocking(app)]))
            logs.append(running, [logs.Line("system/deployer", f"{release.pk} is promoted when {when}.")])
        logs.pages_changed(app.pk)
    return None


def unlocking(app: App) -> str:
    """What ends the lock that holds the app, as the end of a sentence; "" without one."""
    lock = app.lock
    if lock is None:
        return ""
    return f"{app.name} is unlocked" + (f", at the latest at {lock.until:{policy.MOMENT}}" if lock.until else "")


def start_next(app_id: int) -> Rollout | None:
    """Begin what is remembered, if nothing runs and the app is not locked; what may not begin any more is dropped, and
    that is written down.

    Before that, the end of a rollout that began by itself is looked at: it may have been the last of them.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app_id)
        stopping.settle(app)
        release = app.next_release
        if release is None or app.lock is not None or rollouts.unfinished(app) is not None:
            return None
        by, note, automatic = _asked_by(app), app.next_note, app.next_automatic
        nobody = {"next_by": None, "next_by_label": "", "next_note": "", "next_automatic": False}
        App.objects.filter(pk=app.pk).update(next_release=None, **nobody)
        try:
            with transaction.atomic():  # with its copy, or neither
                stopped = stopping.refusals(app, release.build) if automatic else []
                if reasons := [*stopped, *_overtaken(app, release)]:
                    raise policy.refusal(reasons)
                today = _with_todays_environment(app, release, by)
                return rollouts.promote(today, by=by, note=note, automatic=automatic)
        except NotAllowed as refusal:
            _drop(app, release, [Reason("refused", words) for words in refusal.reasons or [refusal.message]])
            return None


def _asked_by(app: App) -> Actor:
    if app.next_automatic:
        return policy.automatic(app.next_by_label)
    return policy.actor_of(app.next_by, app.next_by_label)


def _with_todays_environment(app: App, release: Release, by: Actor) -> Release:
    """What was active when it was made may have changed meanwhile: a variable that somebody set must not be lost."""
    env = app.with_staged(app.environment())
    if app.active_release is None or release.env == env:
        return release
    return Release.objects.create(
        app=app,
        build_id=release.build_id,
        manifest=release.manifest,
        images=release.images,
        env=env,
        description=release.description,
        **by.columns(),
    )


def _overtaken(app: App, release: Release) -> list[Reason]:
    """Somebody has meanwhile promoted something newer, or gone back on purpose."""
    active = app.active_release
    if active is None:
        return []
    since = app.rollouts.filter(release=active, status="succeeded").order_by("-number").first()
    went_back = since is not None and since.kind == Rollout.ROLLBACK and since.created_at > release.build.created_at
    if _age(active) <= _age(release) and not went_back:
        return []
    return [Reason("not_newest", f"{active.pk} is active, which is newer.")]


def _age(release: Release) -> tuple:
    """By the age of its source: builds may end in another order than they began."""
    return release.build.created_at, release.created_at


def _drop(app: App, release: Release, reasons: list[Reason]) -> None:
    words = [reason.words for reason in reasons]
    build = release.build
    type(build).objects.filter(pk=build.pk).update(**fitted(type(build), {"refusals": words}))
    audit.record("drop_promote", by=policy.SYSTEM, app=app, subject=release.pk, reasons=words)
    logs.pages_changed(app.pk)
