"""Bring the previous release back, completely; or take a failed first release down to nothing."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.clients.mirror import View
from releases.errors import ClusterError, Refused
from releases.models import Rollout
from releases.models.rollout import APP_STATUS
from releases.pipeline import (
    applying,
    baseline,
    domains,
    following,
    last_lines,
    manifests,
    meaning,
    processes,
    pruning,
    pull_secrets,
    restored,
    secrets_in_use,
)
from releases.pipeline.diagnosis import Reported
from releases.pipeline.examination import at_verdict, masked
from releases.pipeline.ground import Ground
from releases.pipeline.health import Verdict

LOG_LINES = 20
LOG_SECONDS = 2.0
LOOK_SECONDS = 1.0


def begin(ground: Ground, verdict: Verdict, evidence: list[str] | None = None) -> None:
    """Say what failed and why, with the last words of the process, and turn round."""
    rollout = ground.rollout
    before = APP_STATUS[rollout.status]
    evidence = evidence or _last_words(ground, verdict)
    unset = meaning.unset_hint(evidence[-1], rollout.release.variables()) if evidence else ""
    hint = unset or verdict.hint
    target = f"Restoring {rollout.previous_id}." if rollout.previous_id else "Taking it down: there was nothing before."
    lines = [logs.Line("system/deployer", verdict.reason)]
    if verdict.service:  # what a release command wrote is in the log already
        lines += [logs.Line(f"service/{verdict.service}/{verdict.process}", text) for text in evidence]
    found = rollout.diagnosis or at_verdict.diagnosed(ground, replace(verdict, hint=hint), evidence)
    migrated = "job" in rollout.progress
    warning = "What the release command changed, database migrations say, is not reverted." if migrated else ""
    lines += [logs.Line("system/deployer", text) for text in (hint, target, warning) if text]
    with transaction.atomic():
        ground.say_all([*lines, ground.status_line(before, "Rollback")])
        if rollout.status in ("queued", "releasing"):  # what it replaced has changed what runs
            known = baseline.inherited(rollout)
            changes = {"baseline": known.known, "templates_before": known.templates} if known else {}
            rollout.transition("rolling", **changes)
        rollout.transition(
            "rolling_back",
            reason=ground.clean(verdict.reason),
            cause=verdict.cause,
            hint=ground.clean(hint),
            evidence=[ground.clean(text) for text in evidence],
            diagnosis=found,
            progress={**rollout.progress, "restore_since": timezone.now().isoformat()},
        )
    logs.pages_changed(rollout.app_id)


def run(ground: Ground) -> None:
    """Apply the objects of the rollout that succeeded last, remove what only the failed release had, and follow."""
    target = _target(ground.rollout)
    objects = (target.objects_applied or []) if target else []
    if target is not None and not _namespace_is_there(ground):
        return
    known = restored.known_before(ground)
    with suppress(Refused):  # what must not be removed is tried again, and said, once the rest is back
        _remove(ground, ground.writer.surplus(objects, kept_secrets=set(), kinds=("HorizontalPodAutoscaler",)))
    pull_secrets.bring_back(ground, objects)
    written = {}
    for obj in objects:
        ground.check(abortable=False)
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, force=True, count=known.get(name, {}).get("desired", 1))
        if obj["kind"] == "Deployment":
            written[name] = answer
    domains.bring_back(ground)
    _postpone(ground, ground.cluster_is_back())
    _follow(ground, target, objects, written)


def try_again(ground: Ground, why: str) -> None:
    """The cluster said no to a write: until the deadline that may pass (a webhook, a right, a quota)."""
    if _is_late(ground.rollout, _target(ground.rollout)):
        fail(ground, why)
        return
    ground.say(f"The cluster refuses a part of the restore, which is tried again: {why}", key="restore refused")
    ground.stop.wait(LOOK_SECONDS)
    ground.check(abortable=False)


def fail(ground: Ground, why: str) -> None:
    """The restore failed too: say which services run which release."""
    running: dict[str, set[str]] = {}
    try:
        for pod in ground.view().pods:
            if processes.service(pod) and not processes.is_going(pod):
                running.setdefault(processes.service(pod), set()).add(processes.release(pod))
        state = "; ".join(f"{name} runs {', '.join(sorted(ids))}" for name, ids in sorted(running.items()))
    except ClusterError:
        state = "what runs is not known: the cluster does not answer"
    reason = _after(ground.rollout, f"The restore failed too: {why} Now: {state or 'nothing runs'}.")
    with transaction.atomic():
        after = "Running" if ground.rollout.previous_id else "Stopped"
        ground.say_all([logs.Line("system/deployer", reason), ground.status_line("Rollback", after)])
        ground.rollout.transition("failed", reason=ground.clean(reason))


def _namespace_is_there(ground: Ground) -> bool:
    """Somebody may have deleted it; what was in it comes back with the objects."""
    app = ground.rollout.app
    wanted = manifests.namespace(app.namespace, app.name, installation=settings.DEPLOYER_INSTALLATION)
    waiting = applying.ensure_namespace(ground.cluster, wanted)
    if waiting:
        try_again(ground, f"Waiting for {waiting}.")
    return not waiting


def _target(rollout: Rollout) -> Rollout | None:
    """The rollout whose release was active when this one began."""
    return (
        Rollout.objects.filter(app=rollout.app, status="succeeded", number__lt=rollout.number)
        .order_by("-number")
        .first()
    )


def _failed_releases(rollout: Rollout) -> set[str]:
    """What was tried since the last success: this one, and those that it replaced."""
    target = _target(rollout)
    since = Rollout.objects.filter(
        app=rollout.app, number__lte=rollout.number, number__gt=target.number if target else 0
    )
    return set(since.values_list("release_id", flat=True)) - {target.release_id if target else ""}


def _remove_surplus(ground: Ground, objects: list[Object]) -> bool:
    """True when nothing is left that only the failed release had; what changed under our hands is for the next time.

    Secrets stay for the prune at the end: pods of the failed release may still be starting from theirs.
    """
    surplus = [live for live in ground.writer.surplus(objects, kept_secrets=set()) if live["kind"] != "Secret"]
    surplus += ground.writer.timer_jobs(_failed_releases(ground.rollout))  # of timers that both releases have
    return _remove(ground, surplus) and _recounted(ground, objects)


def _remove(ground: Ground, surplus: list[Object]) -> bool:
    """Noting first whose number of processes autoscalers among them have moved."""
    scaled = {live["spec"]["scaleTargetRef"]["name"] for live in surplus if live["kind"] == "HorizontalPodAutoscaler"}
    if scaled:
        noted = sorted(scaled | set(ground.rollout.progress.get("recount", [])))
        ground.remember(progress={**ground.rollout.progress, "recount": noted})
    deleted = [ground.writer.delete(live) for live in surplus]
    return all(deleted)


def _recounted(ground: Ground, objects: list[Object]) -> bool:
    """Once an autoscaler of the failed release is gone, what it made of the number of processes goes, too."""
    noted = ground.rollout.progress.get("recount", [])
    known = restored.known_before(ground)
    for obj in objects:
        name = obj["metadata"]["name"]
        if obj["kind"] == "Deployment" and name in noted and name in known:
            ground.writer.rescale(obj, known[name]["desired"])
    if noted:
        ground.remember(progress={key: value for key, value in ground.rollout.progress.items() if key != "recount"})
    return True


def _follow(ground: Ground, target: Rollout | None, objects: list[Object], written: dict[str, Object]) -> None:
    rollout = ground.rollout
    events = ground.event_log()
    removed = False
    by_timers: set[str] = set()
    while True:
        ground.check(abortable=False)
        by_timers = by_timers | restored.begun_by_timers(ground)
        removed = removed or _remove_surplus(ground, objects)
        view = ground.view()
        ground.say_all(events.lines(view, timezone.now()))
        squares = following.squares(rollout, view)
        if squares != rollout.squares:
            ground.remember(squares=squares)
        if _is_late(rollout, target):
            return fail(ground, "its deadline has passed.")
        if target is None and removed and _nothing_runs(ground, view, by_timers):
            return _end(ground, "Nothing runs: it was the first release.", "Stopped")
        if target is not None and removed and restored.is_back(ground, target, view, written):
            left = [obj for obj in objects if ground.writer.would_change(obj)]
            if not left:
                return _end(ground, restored.words(ground, target), "Running")
            ground.stop.wait(LOOK_SECONDS)
            return None  # somebody changed it under our hands: apply again
        if restored.was_taken_away(ground, view, written):
            ground.stop.wait(LOOK_SECONDS)
            return None
        ground.wait(LOOK_SECONDS)


def _nothing_runs(ground: Ground, view: View, by_timers: set[str]) -> bool:
    """A watch may not have told yet of a process that has just begun: the cluster itself has the last word."""
    if restored.runs(ground, view, by_timers):
        return False
    ground.mirror.reread(ground.namespace)
    return not restored.runs(ground, ground.view(), by_timers | restored.begun_by_timers(ground))


def _end(ground: Ground, words: str, status: str) -> None:
    rollout = ground.rollout
    for warning in pruning.prune(ground.writer, _kept_objects(ground), kept_secrets=lambda: _kept_secrets(ground)):
        ground.say(warning)
    with transaction.atomic():
        ground.say_all([logs.Line("system/deployer", words), ground.status_line("Rollback", status)])
        rollout.transition("rolled_back", reason=ground.clean(_after(rollout, words)))


def _after(rollout: Rollout, words: str) -> str:
    """What came of it, behind the reason why it was turned round, which may be the cluster's own words."""
    return f"{meaning.sentence(rollout.reason)} {words}" if rollout.reason else words


def _kept_objects(ground: Ground) -> list[Object]:
    target = _target(ground.rollout)
    return (target.objects_applied or []) if target else []


def _kept_secrets(ground: Ground) -> set[str]:
    previous = ground.rollout.previous_id
    kept = pull_secrets.kept(_kept_objects(ground)) | ({manifests.secret_name(previous)} if previous else set())
    return kept | secrets_in_use.read(ground.cluster, ground.namespace)


def _postpone(ground: Ground, away: float) -> None:
    """The deadline stands still while the cluster is away."""
    if away:
        progress = ground.rollout.progress
        since = following.later(progress["restore_since"], away)
        ground.remember(progress={**progress, "restore_since": since})


def _is_late(rollout: Rollout, target: Rollout | None) -> bool:
    manifest = (target or rollout).release.manifest
    seconds = max(following.deadline(manifest, name, before=rollout.release.manifest) for name in manifest["services"])
    since = following.time(rollout.progress["restore_since"])
    return timezone.now() - since > timedelta(seconds=seconds)


def _last_words(ground: Ground, verdict: Verdict) -> list[str]:
    """The last lines of the container that failed; of its last run, when the next has begun already. What the cluster
    has kept of them, where its log can't be read."""
    if not verdict.process:
        return []
    container = verdict.container or manifests.CONTAINER
    pod = next((pod for pod in ground.view().pods if processes.name(pod) == verdict.process), None)
    if pod is None:
        return []
    with suppress(ClusterError):
        return last_lines.of_run(
            ground.cluster,
            ground.namespace,
            pod,
            container,
            previous=processes.ended_before(pod, container),
            tail=LOG_LINES,
            seconds=LOG_SECONDS,
        )
    # It keeps the end of them, which may begin in the middle of a value.
    [pod] = masked.objects(Reported(ground.cluster.now(), pods=[pod]), ground.mask).pods
    return processes.kept_words(pod, container)[-LOG_LINES:]
