"""When an app promotes nothing by itself any more: after what went wrong, and after a person went back on purpose."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from releases import audit, logs, policy
from releases.errors import WrongState
from releases.models import App, Build, Rollout, Source
from releases.models.locks import locked
from releases.models.source import PROMOTE
from releases.models.storable import fitted
from releases.pipeline.pushes.rules import SHORT, superseded_by
from releases.policy import Actor, Reason

ENDED_BADLY = ("rolled_back", "failed")


NOTHING_STOPPED: dict[str, Any] = {"stopped_at": None, "stopped_by": "", "stopped_why": ""}


def stop(app: App, *, by: Actor, why: str) -> None:
    """From now on only a person promotes. Called in the transaction of what was the cause, with the app locked.

    It is kept also where a push promotes nothing anyway: whoever wishes later that it does has not resumed by that.
    """
    columns = {"stopped_at": timezone.now(), "stopped_by": by.label, "stopped_why": why}
    stopped = App.objects.filter(pk=app.pk, stopped_at=None).update(**fitted(App, columns))
    if stopped and promotes_by_itself(app):
        audit.record("stop_promoting", by=by, app=app, subject=app.name, why=why)
        logs.pages_changed(app.pk)


def resume(app: App, *, by: Actor) -> Source:
    """The next push is promoted again; what came meanwhile is left as it is. Raises NotAllowed, WrongState."""
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("resume", by=by, app=app)
        settle(app)
        source = Source.objects.filter(app=app).select_related("app").first()
        if source is None or source.stopped_at is None:
            raise WrongState(f"{app.name} has not stopped promoting by itself.")
        App.objects.filter(pk=app.pk).update(**NOTHING_STOPPED)
        audit.record("resume", by=by, app=app, subject=app.name)
        logs.pages_changed(app.pk)
        source.app.refresh_from_db(fields=list(NOTHING_STOPPED))
    return source


def promotes_by_itself(app: App) -> bool:
    """Whether that is wished."""
    return Source.objects.filter(app=app, on_push=PROMOTE).exists()


def settle(app: App) -> None:
    """Look at the end of every rollout once, however long after; the app is locked.

    Whatever promotes by itself, or changes whether that is wished, calls this first: so nothing is lost with a worker
    that dies right after an end, nor with a repository that is disconnected meanwhile.
    """
    judged = App.objects.values_list("judged", flat=True).get(pk=app.pk)
    ended = (
        app.rollouts.filter(number__gt=judged)
        .exclude(status__in=Rollout.unfinished_statuses())
        .select_related("release__build")
        .defer(*Rollout.LARGE, "release__env", "release__manifest")
        .order_by("number")
    )
    for rollout in ended:
        judged = rollout.number
        aborted = rollout.status == "cancelled" and rollout.abort_requested_at
        if rollout.automatic and (rollout.status in ENDED_BADLY or aborted):
            stop(app, by=policy.SYSTEM, why=_what_happened(rollout))
        elif rollout.status == "succeeded" and not promotes_by_itself(app):
            # Where all is promoted by hand anyway, a hand that goes on is all the resuming that there is.
            went_on = App.objects.filter(pk=app.pk, stopped_at__lt=rollout.release.build.created_at)
            went_on.update(**NOTHING_STOPPED)
    App.objects.filter(pk=app.pk, judged__lt=judged).update(judged=judged)


def settle_app(app_id: int) -> None:
    """As `settle`, for who holds no lock."""
    with transaction.atomic():
        app = locked(App.objects.filter(pk=app_id)).first()
        if app is not None:
            settle(app)


def unsettled() -> list[int]:
    """The apps with a rollout whose end nobody has looked at."""
    ended = Rollout.objects.filter(app=OuterRef("pk"), number__gt=OuterRef("judged"))
    ended = ended.exclude(status__in=Rollout.unfinished_statuses())
    apps = App.objects.filter(Exists(ended), rollouts_made__gt=F("judged"))
    return list(apps.order_by("pk").values_list("pk", flat=True))


def refusals(app: App, build: Build) -> list[Reason]:
    """Why the release of this build may not be promoted by itself. The app is locked, and `settle` was asked before:

    not here, as what it writes must last also where this is a reason to undo all else.
    """
    source = Source.objects.filter(app=app).select_related("app").first()
    if source is None or source.on_push != PROMOTE:
        return [Reason("not_asked", f"A push to {app.name} promotes nothing any more.")]
    reasons = []
    if source.stopped_at:
        reasons.append(
            Reason("stopped", f"{app.name} promotes nothing by itself until a person resumes: {source.stopped_why}")
        )
    if failure := _failed_before(app, build):
        reasons.append(Reason("commit_failed", failure))
    if newer := _overtaken_by(app, build):
        reasons.append(Reason("not_newest", newer))
    return reasons


def _failed_before(app: App, build: Build) -> str:
    if not build.commit:
        return ""
    short = build.commit[:SHORT]
    again = f"{short} is not promoted by itself again"
    same = app.builds.filter(commit=build.commit, dirty=False).exclude(pk=build.pk)
    if failed := same.filter(status="failed", faultless=False).order_by("-created_at").first():
        return f"{again}: its build {failed.pk} failed."
    ended = app.rollouts.filter(release__build__commit=build.commit, status__in=ENDED_BADLY).order_by("-number")
    if rollout := ended.defer(*Rollout.LARGE).first():
        words = "failed" if rollout.status == "failed" else "was rolled back"
        return f"{again}: its rollout {rollout.number} {words}."
    return ""


def _overtaken_by(app: App, build: Build) -> str:
    """What was promoted since, if it is newer or a step back on purpose."""
    since = app.rollouts.filter(created_at__gt=build.created_at).exclude(release__build=build.pk)
    since = since.select_related("release__build").defer(*Rollout.LARGE).order_by("-number")
    if back := since.filter(kind=Rollout.ROLLBACK).first():
        return f"{back.by_label} rolled back since this was built."
    newer = since.filter(release__build__created_at__gt=build.created_at).first()
    if newer is None:
        return ""
    commit = newer.release.build.commit
    return f"{superseded_by(commit or newer.release_id).capitalize()}, which was promoted since."


def _what_happened(rollout: Rollout) -> str:
    commit = rollout.release.build.commit[:SHORT]
    what = " ".join(filter(None, [rollout.release_id, f"({commit})" if commit else ""]))
    if rollout.abort_requested_at:
        return f"Rollout {rollout.number} of {what} was aborted by {rollout.abort_by}."
    words = "failed" if rollout.status == "failed" else "was rolled back"
    return f"Rollout {rollout.number} of {what} {words}: {rollout.reason}"
