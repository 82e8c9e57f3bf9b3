"""Bring the previous release back, completely; or take a failed first release down to nothing."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.clients.mirror import View
from releases.errors import ClusterError
from releases.models import Rollout
from releases.pipeline import applying, following, manifests, processes
from releases.pipeline.ground import Ground
from releases.pipeline.health import Verdict

LOG_LINES = 20
LOG_SECONDS = 2.0
LOOK_SECONDS = 1.0


def begin(ground: Ground, verdict: Verdict) -> None:
    """Say what failed and why, with the last words of the process, and turn round."""
    rollout = ground.rollout
    evidence = _last_words(ground, verdict)
    target = f"Restoring {rollout.previous_id}." if rollout.previous_id else "Taking it down: there was nothing before."
    lines = [logs.Line("system/deployer", verdict.reason)]
    lines += [logs.Line(f"service/{verdict.service}/{verdict.process}", text) for text in evidence]
    migrated = "job" in rollout.progress
    warning = "What the release command changed, database migrations say, is not reverted." if migrated else ""
    lines += [logs.Line("system/deployer", text) for text in (verdict.hint, target, warning) if text]
    with transaction.atomic():
        ground.say_all([*lines, ground.status_line("Updating", "Rollback")])
        rollout.transition(
            "rolling_back",
            reason=ground.clean(verdict.reason),
            cause=verdict.cause,
            hint=verdict.hint,
            evidence=[ground.clean(text) for text in evidence],
            progress={**rollout.progress, "restore_since": timezone.now().isoformat()},
        )
    logs.pages_changed(rollout.app_id)


def run(ground: Ground) -> None:
    """Apply the objects of the rollout that succeeded last, remove what only the failed release had, and follow."""
    target = _target(ground.rollout)
    objects = (target.objects_applied or []) if target else []
    baseline = (ground.rollout.baseline or {}).get("services", {})
    generations = {}
    for obj in objects:
        ground.check(abortable=False)
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, force=True, count=baseline.get(name, {}).get("desired", 1))
        if obj["kind"] == "Deployment":
            generations[name] = answer["metadata"]["generation"]
    _postpone(ground, ground.cluster_is_back())
    _follow(ground, target, objects, generations)


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
        for pod in ground.mirror.view(ground.namespace).pods:
            if processes.service(pod) and not processes.is_going(pod):
                running.setdefault(processes.service(pod), set()).add(processes.release(pod))
        state = "; ".join(f"{name} runs {', '.join(sorted(ids))}" for name, ids in sorted(running.items()))
    except ClusterError:
        state = "what runs is not known: the cluster does not answer"
    reason = f"{ground.rollout.reason} The restore failed too: {why} Now: {state or 'nothing runs'}."
    with transaction.atomic():
        after = "Running" if ground.rollout.previous_id else "Stopped"
        ground.say_all([logs.Line("system/deployer", reason), ground.status_line("Rollback", after)])
        ground.rollout.transition("failed", reason=ground.clean(reason))


def _target(rollout: Rollout) -> Rollout | None:
    """The rollout whose release was active when this one began."""
    return (
        Rollout.objects.filter(app=rollout.app, status="succeeded", number__lt=rollout.number)
        .order_by("-number")
        .first()
    )


def _remove_surplus(ground: Ground, objects: list[Object]) -> bool:
    """True when nothing is left that only the failed release had; what changed under our hands is for the next time.

    Secrets stay for the prune at the end: pods of the failed release may still be starting from theirs.
    """
    surplus = [live for live in ground.writer.surplus(objects, kept_secrets=set()) if live["kind"] != "Secret"]
    deleted = [ground.writer.delete(live) for live in surplus]
    return all(deleted)


def _follow(ground: Ground, target: Rollout | None, objects: list[Object], generations: dict[str, int]) -> None:
    rollout = ground.rollout
    events = following.EventLog((rollout.baseline or {}).get("events", {}))
    removed = False
    while True:
        ground.check(abortable=False)
        removed = removed or _remove_surplus(ground, objects)
        view = ground.mirror.view(ground.namespace)
        ground.say_all(events.lines(view, timezone.now()))
        squares = following.squares(rollout, view)
        if squares != rollout.squares:
            ground.remember(squares=squares)
        if _is_late(rollout, target):
            return fail(ground, "its deadline has passed.")
        staying = view.deployments + [pod for pod in view.pods if not processes.is_going(pod)]
        if target is None and removed and not staying:
            return _end(ground, "Nothing runs: it was the first release.", "Stopped")
        if target is not None and removed and _is_back(ground, target, view, generations):
            left = [obj for obj in objects if ground.writer.would_change(obj)]
            if not left:
                return _end(ground, f"{target.release_id} is back on every process.", "Running")
            ground.stop.wait(LOOK_SECONDS)
            return None  # somebody changed it under our hands: apply again
        ground.wait(LOOK_SECONDS)


def _is_back(ground: Ground, target: Rollout, view: View, generations: dict[str, int]) -> bool:
    """Every process that is not ending runs the previous release, and as many are available as before."""
    baseline = (ground.rollout.baseline or {}).get("services", {})
    by_name = {deployment["metadata"]["name"]: deployment for deployment in view.deployments}
    if set(by_name) != set(generations):
        return False
    for name, generation in generations.items():
        status, desired = by_name[name].get("status", {}), by_name[name]["spec"].get("replicas", 1)
        needed = min(baseline.get(name, {}).get("available", desired), desired)
        if status.get("observedGeneration", 0) < generation or status.get("availableReplicas", 0) < needed:
            return False
        if status.get("replicas", 0) != status.get("updatedReplicas", 0):
            return False
    staying = [pod for pod in view.pods if processes.service(pod) and not processes.is_going(pod)]
    return all(processes.release(pod) == target.release_id for pod in staying)


def _end(ground: Ground, words: str, status: str) -> None:
    rollout = ground.rollout
    for warning in applying.prune(ground.writer, _kept_objects(ground), kept_secrets=_kept_secrets(ground)):
        ground.say(warning)
    with transaction.atomic():
        ground.say_all([logs.Line("system/deployer", words), ground.status_line("Rollback", status)])
        rollout.transition("rolled_back", reason=f"{rollout.reason} {words}")


def _kept_objects(ground: Ground) -> list[Object]:
    target = _target(ground.rollout)
    return (target.objects_applied or []) if target else []


def _kept_secrets(ground: Ground) -> set[str]:
    if ground.rollout.previous_id is None:
        return set()  # a first release is taken down whole
    pods = ground.mirror.view(ground.namespace).pods
    names = {processes.release(pod) for pod in pods} | {ground.rollout.previous_id}
    return {manifests.secret_name(name) for name in names if name}


def _postpone(ground: Ground, away: float) -> None:
    """The deadline stands still while the cluster is away."""
    if away:
        progress = ground.rollout.progress
        since = following.later(progress["restore_since"], away)
        ground.remember(progress={**progress, "restore_since": since})


def _is_late(rollout: Rollout, target: Rollout | None) -> bool:
    manifest = (target or rollout).release.manifest
    seconds = max(manifests.deadline_seconds(manifest, name) for name in manifest["services"])
    since = following.time(rollout.progress["restore_since"])
    return timezone.now() - since > timedelta(seconds=seconds)


def _last_words(ground: Ground, verdict: Verdict) -> list[str]:
    """The last lines of the container that failed; of its last run, when the next has begun already."""
    if not verdict.process:
        return []
    try:
        pods = ground.mirror.view(ground.namespace).pods
        pod = next((pod for pod in pods if processes.name(pod) == verdict.process), None)
        ended_now = pod is not None and "terminated" in (processes.container(pod).get("state") or {})
        previous = pod is not None and processes.exits(pod) > 0 and not ended_now
        return ground.cluster.log(
            ground.namespace,
            verdict.process,
            container=manifests.CONTAINER,
            tail=LOG_LINES,
            previous=previous and verdict.cause in ("exits", "out_of_memory", "liveness"),
            seconds=LOG_SECONDS,
        )
    except ClusterError:
        return []
