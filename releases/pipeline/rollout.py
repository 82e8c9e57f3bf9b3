"""A rollout from queued to its end, as prose. Each step can be begun again by another worker at any point."""

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import ClusterError, ClusterUnavailable, IllegalTransition, RolloutFailed, Stale
from releases.models import App, Rollout
from releases.pipeline import (
    applying,
    command_job,
    following,
    health,
    manifests,
    release_command,
    restore,
    secrets_in_use,
)
from releases.pipeline.ground import Aborted, Ground, HandOver
from releases.pipeline.health import Verdict
from releases.pipeline.preparing import prepare, resting

logger = logging.getLogger(__name__)
LATE_KINDS = ("Ingress",)  # what sends people to the new processes comes when those are there
LOOK_SECONDS = 1.0
REWRITES = 5


def carry(ground: Ground) -> None:
    """Until the rollout is over. Raises HandOver when this worker must stop, Stale when another has taken over."""
    steps = {
        "queued": prepare,
        "releasing": release_command.run,
        "rolling": roll,
        "paused": hold,
        "rolling_back": restore.run,
    }
    rollout = ground.rollout
    while not rollout.is_finished:
        try:
            try:
                ground.database_is_back()
                steps[rollout.status](ground)
            except ClusterUnavailable as error:
                ground.check(abortable=False)
                ground.cluster_is_away(error)
        except (HandOver, IllegalTransition):
            raise
        except Stale as error:
            rollout.beat()  # raises Stale itself if the pen is lost: else it is the cluster that knows a newer stamp
            words = f"{error.message} It is from another Deployer of the same name, or this database is an older one."
            _give_up(ground, Verdict("failed", "stale", words))
        except (OperationalError, InterfaceError) as error:
            ground.database_is_away(error)
        except Aborted:
            _give_up(ground, Verdict("failed", "aborted", f"Aborted by {rollout.abort_by}."))
        except RolloutFailed as error:
            _give_up(ground, Verdict("failed", error.cause, error.message, error.hint), error.evidence)
        except ClusterError as error:
            if rollout.status == "rolling_back":
                restore.try_again(ground, error.message)
            else:
                _give_up(ground, Verdict("failed", "refused", error.message))
        except Exception as error:
            logger.exception("%s failed by our own fault", rollout)
            words = f"Deployer itself failed ({type(error).__name__}); its log says more."
            _give_up(ground, Verdict("failed", "internal", words))
    logs.pages_changed(rollout.app_id)


# --- Rolling --------------------------------------------------------------------------------------------------------


def roll(ground: Ground) -> None:
    """Apply, then follow until all is complete or doomed."""
    apply(ground)
    verdict = follow(ground)
    if verdict.status != "complete":
        restore.begin(ground, verdict)
    elif overwritten := ground.writer.unstamped([obj for obj in ground.objects() if obj["kind"] not in LATE_KINDS]):
        # A worker that was taken over from had been about to create it; or somebody has just removed it.
        _write_again(ground, overwritten)
    else:
        finish(ground)


def _write_again(ground: Ground, overwritten: list[str]) -> None:
    """A few times: somebody else's program may take away what marks it as ours, for ever."""
    words, progress = ", ".join(overwritten), ground.rollout.progress
    times = progress.get("rewritten", 0) + 1
    if times > REWRITES:
        hint = "Find out which program changes what Deployer writes, and have it leave this namespace alone."
        raise RolloutFailed(f"Somebody else keeps changing what was written: {words}.", cause="edited", hint=hint)
    ground.say(f"Not as it was written, so written again: {words}.", key=f"rewritten {times}")
    ground.remember(progress={**progress, "rewritten": times})
    ground.stop.wait(LOOK_SECONDS)


def hold(ground: Ground) -> None:
    """A paused rollout has no worker: only an abort brings it here."""
    ground.check()
    raise Stale(f"{ground.rollout} is paused and needs no worker.")


def apply(ground: Ground) -> None:
    rollout = ground.rollout
    progress = dict(rollout.progress)
    services = dict(progress["services"])
    for obj in ground.objects():
        if obj["kind"] in LATE_KINDS:
            continue
        ground.check()
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, count=_count(rollout, name))
        if obj["kind"] == "Deployment":
            services[name] = following.applied(services[name], answer)
            if not progress.get("applied"):  # the deadline begins with the first write
                services[name]["risen_at"] = timezone.now().isoformat()
    away = ground.cluster_is_back()
    progress = {key: value for key, value in progress.items() if key != "away_since"}
    ground.remember(progress={**following.postponed({**progress, "services": services}, away), "applied": True})


def follow(ground: Ground) -> Verdict:
    """Complete, verified where that was asked for; or failed."""
    rollout = ground.rollout
    first = rollout.previous_id is None
    events = ground.event_log()
    while True:
        ground.check()
        view = ground.view()
        now = timezone.now()
        ground.say_all(events.lines(view, now))
        states = following.service_states(rollout, view, first=first)
        progress = following.progressed(rollout.progress, states, now)
        _show(ground, progress, following.squares(rollout, view))
        states = following.service_states(rollout, view, first=first)
        verdict = health.assess(states, now=now, verifying="verify_until" in progress)
        if verdict.status == "complete":
            verdict = _verified(ground, now) or verdict
        if verdict.status != "progressing":
            view.events, _ = ground.cluster.list_all("Event", ground.namespace)
            ground.say_all(events.lines(view, now))
            return verdict
        ground.wait(LOOK_SECONDS)


def _show(ground: Ground, progress: Object, squares: list[Object]) -> None:
    if progress != ground.rollout.progress or squares != ground.rollout.squares:
        ground.remember(progress=progress, squares=squares)


def _verified(ground: Ground, now: datetime) -> Verdict | None:
    """None once a service with a liveness check has been watched long enough after completion."""
    rollout = ground.rollout
    checks = [service["liveness"] for service in rollout.release.manifest["services"].values() if service["liveness"]]
    if not checks:
        return None
    if "verify_until" not in rollout.progress:
        seconds = max(check["grace"] + check["interval"] * (check["failures"] + 1) for check in checks)
        until = following.later(now.isoformat(), seconds)
        ground.remember(progress={**rollout.progress, "verify_until": until})
        ground.say(f"All processes are available; watching their liveness checks for {seconds} s.", key="verifying")
    return None if now.isoformat() >= rollout.progress["verify_until"] else health.PROGRESSING


def finish(ground: Ground) -> None:
    rollout = ground.rollout
    for obj in ground.objects():
        if obj["kind"] in LATE_KINDS:
            ground.writer.apply(obj)
    ground.check()
    for warning in applying.prune(ground.writer, ground.objects(), kept_secrets=kept_secrets(ground)):
        ground.say(warning)
    unverified = _scaled_to_nothing(ground)
    reason = f"{rollout.release_id} is active on every process."
    if unverified:
        reason += f" Scaled to 0, so not verified: {', '.join(unverified)}."
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=rollout.app_id)
        ground.check()  # an abort takes the same lock: one that was granted is not forgotten here
        env = rollout.release.env
        staged = {name: value for name, value in app.staged.items() if env.get(name) != value}
        ground.say_all([logs.Line("system/deployer", reason), ground.status_line("Updating", "Running")])
        rollout.transition("succeeded", reason=reason)
        App.objects.filter(pk=app.pk).update(active_release=rollout.release_id, staged=staged)


def kept_secrets(ground: Ground) -> set[str]:
    """Of the releases that run, or may have to come back."""
    releases = filter(None, (ground.rollout.release_id, ground.rollout.previous_id))
    return set(map(manifests.secret_name, releases)) | secrets_in_use.read(ground.cluster, ground.namespace)


def _scaled_to_nothing(ground: Ground) -> list[str]:
    """Services that were complete because nothing of them was to run, from the beginning or since."""
    now = {obj["metadata"]["name"]: obj["spec"].get("replicas", 1) for obj in ground.view().deployments}
    services = ground.rollout.progress["services"]
    return [name for name, known in services.items() if not min(known["desired"], now.get(name, 1))]


# --- When it can't go on --------------------------------------------------------------------------------------------


def _give_up(ground: Ground, verdict: Verdict, evidence: list[str] | None = None) -> None:
    """Nothing changed yet: that is the end. Else the previous release comes back."""
    rollout = ground.rollout
    if rollout.status == "rolling":
        restore.begin(ground, verdict)
    elif rollout.status == "rolling_back":
        restore.fail(ground, verdict.reason)
    elif rollout.status == "paused" or rollout.inherits_change:
        restore.begin(ground, verdict, evidence)
    else:
        _end_unchanged(ground, verdict, evidence or [])


def _end_unchanged(ground: Ground, verdict: Verdict, evidence: list[str]) -> None:
    rollout = ground.rollout
    cancelled = verdict.cause == "aborted"
    rollout.beat()  # raises Stale: then the Secret is another's
    partly = " The release command may have run in part." if cancelled and rollout.status == "releasing" else ""
    reason = f"{verdict.reason} Nothing that runs was changed.{partly}"
    _remove_secret(ground)
    with transaction.atomic():
        lines = [logs.Line("system/deployer", reason), ground.status_line("Pending", resting(rollout))]
        ground.say_all(lines)
        rollout.transition(
            "cancelled" if cancelled else "failed",
            reason=ground.clean(reason),
            cause=verdict.cause,
            hint=ground.clean(verdict.hint),
            evidence=[ground.clean(text) for text in evidence],
        )
    command_job.remove(ground)


def _remove_secret(ground: Ground) -> None:
    """The new release's, which nothing uses yet. If that fails, the next prune does it."""
    rollout = ground.rollout
    earlier = Rollout.objects.filter(app=rollout.app, release=rollout.release, objects_applied__isnull=False)
    if earlier.exclude(pk=rollout.pk).exists():
        return
    try:
        secret = ground.cluster.find("Secret", ground.namespace, manifests.secret_name(rollout.release_id))
        if secret and ground.own.is_ours(secret):
            ground.writer.delete({**secret, "kind": "Secret"})
    except Stale:
        rollout.beat()  # raises Stale itself when it is a later rollout of ours that has begun with it
    except ClusterError as error:
        logger.info("the Secret of %s stays for the next prune: %s", rollout.release_id, error.message)


def _count(rollout: Rollout, service: str) -> int | None:
    """How many processes a Deployment that isn't there yet begins with."""
    section = rollout.release.manifest["services"].get(service)
    scale = App.objects.values_list("scale", flat=True).get(pk=rollout.app_id)  # read now: it may just have changed
    return scale.get(service, section["scale"]["count"]) if section else None
