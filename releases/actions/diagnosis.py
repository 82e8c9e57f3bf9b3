"""Why is it not running: asked now, or as it was when a rollout failed."""

from typing import Any

from releases import policy
from releases.actions.queue_place import queue_place
from releases.errors import Invalid
from releases.models import App, Rollout
from releases.pipeline import examination
from releases.pipeline.diagnosis import Known, Options, Report
from releases.pipeline.diagnosis.report import AGE_MAX, CHECKS, LINES_MAX
from releases.policy import Actor

NAMED = 20


def diagnose(app: App, options: Options, *, by: Actor) -> Report:
    """What is wrong with `app` now, why, and what to do. That the cluster is away or refuses is a finding, too.

    Raises NotAllowed; Invalid for a service that it does not have, and options that are out of bounds.
    """
    policy.require("view", by=by, app=app)
    known = examination.known_of(app, queued_for=lambda rollout: queue_place(rollout, by=by))
    _refuse(app, known, options)
    releases = {known.rollout.release, known.rollout.previous} if known.rollout else set()
    examined = examination.examine(app, options, releases=releases)
    troubles = (*examined.troubles, *examination.troubles_around(app))
    return examination.made(
        examined.reported,
        known,
        troubles,
        options,
        mask=examined.mask,
        cluster=app.cluster.name,
        left=examined.left,
    )


def diagnosis_of(rollout: Rollout, *, by: Actor) -> dict[str, Any] | None:
    """The report that was stored when `rollout` failed, as JSON; None of one that did not, or of long ago."""
    policy.require("view", by=by, app=rollout.app)
    return Rollout.objects.values_list("diagnosis", flat=True).get(pk=rollout.pk)


def _refuse(app: App, known: Known, options: Options) -> None:
    """Raises Invalid."""
    if unknown := [check for check in options.checks if check not in CHECKS]:
        raise Invalid(f"There is no check {unknown[0][:60]}: there are {', '.join(CHECKS)}.")
    if not options.checks:
        raise Invalid(f"Name at least one check of {', '.join(CHECKS)}.")
    if not 0 <= options.age <= AGE_MAX:
        raise Invalid(f"An age is a number of seconds from 0 to {AGE_MAX}.")
    if not 0 <= options.lines <= LINES_MAX:
        raise Invalid(f"At most {LINES_MAX} lines of each log can be had.")
    services = _services(app, known)
    if unknown := [service for service in options.services if service not in services]:
        has = f"it has {', '.join(services[:NAMED])}" if services else "it has no release yet"
        raise Invalid(f"{app.name} has no service {unknown[0][:60]}: {has}.")


def _services(app: App, known: Known) -> list[str]:
    """Also those that only the active release has, or only what is rolled out."""
    active = app.active_release.manifest if app.active_release else {}
    return sorted({*((known.manifest or {}).get("services") or {}), *(active.get("services") or {})})
