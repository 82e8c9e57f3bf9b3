"""Bring the previous release back, completely; or take a failed first release down to nothing."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.clients.mirror import View
from releases.errors import ClusterError
from releases.models import Rollout
from releases.models.rollout import APP_STATUS
from releases.pipeline import applying, baseline, following, manifests, processes, remains, secrets_in_use
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
    target = f"Restoring {rollout.previous_id}." if rollout.previous_id else "Taking it down: there was nothing before."
    lines = [logs.Line("system/deployer", verdict.reason)]
    if verdict.service:  # what a release command wrote is in the log already
        lines += [logs.Line(f"service/{verdict.service}/{verdict.process}", text) for text in evidence]
    migrated = "job" in rollout.progress
    warning = "What the release command changed, database migrations say, is not reverted." if migrated else ""
    lines += [logs.Line("system/deployer", text) for text in (verdict.hint, target, warning) if text]
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
            hint=ground.clean(verdict.hint),
            evidence=[ground.clean(text) for text in evidence],
            progress={**rollout.progress, "restore_since": timezone.now().isoformat()},
        )
    logs.pages_changed(rollout.app_id)


def run(ground: Ground) -> None:
    """Apply the objects of the rollout that succeeded last, remove what only the failed release had, and follow."""
    target = _target(ground.rollout)
    objects = (target.objects_applied or []) if target else []
    if target is not None and not _namespace_is_there(ground):
        return
    known = _known_before(ground)
    written = {}
    for obj in objects:
        ground.check(abortable=False)
        name = obj["metadata"]["name"]
        answer = ground.writer.apply(obj, force=True, count=known.get(name, {}).get("desired", 1))
        if obj["kind"] == "Deployment":
            written[name] = answer
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
    reason = f"{ground.rollout.reason} The restore failed too: {why} Now: {state or 'nothing runs'}."
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


def _known_before(ground: Ground) -> dict[str, Object]:
    """Service → what the baseline knows of it."""
    return (ground.rollout.baseline or {}).get("services", {})


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


def _follow(ground: Ground, target: Rollout | None, objects: list[Object], written: dict[str, Object]) -> None:
    rollout = ground.rollout
    events = ground.event_log()
    removed = False
    while True:
        ground.check(abortable=False)
        removed = removed or _remove_surplus(ground, objects)
        view = ground.view()
        ground.say_all(events.lines(view, timezone.now()))
        squares = following.squares(rollout, view)
        if squares != rollout.squares:
            ground.remember(squares=squares)
        if _is_late(rollout, target):
            return fail(ground, "its deadline has passed.")
        staying = view.deployments + [pod for pod in view.pods if not processes.is_going(pod)]
        if target is None and removed and not staying:
            return _end(ground, "Nothing runs: it was the first release.", "Stopped")
        if target is not None and removed and _is_back(ground, target, view, written):
            left = [obj for obj in objects if ground.writer.would_change(obj)]
            if not left:
                return _end(ground, _words_of_return(ground, target), "Running")
            ground.stop.wait(LOOK_SECONDS)
            return None  # somebody changed it under our hands: apply again
        if _was_taken_away(ground, view, written):
            ground.stop.wait(LOOK_SECONDS)
            return None
        ground.wait(LOOK_SECONDS)


def _was_taken_away(ground: Ground, view: View, written: dict[str, Object]) -> bool:
    """Somebody has deleted what was applied: the mirror misses it, and so does the cluster itself."""
    seen = {_uid(deployment) for deployment in view.deployments if not processes.is_ending(deployment)}
    for name, answer in written.items():
        if _uid(answer) not in seen:
            live = ground.cluster.find("Deployment", ground.namespace, name)
            if live is None or _uid(live) != _uid(answer) or processes.is_ending(live):
                return True
    return False


def _words_of_return(ground: Ground, target: Rollout) -> str:
    """That it is back; what others left in it all the same; and what was not well before either."""
    words = [f"{target.release_id} is back on every process."]
    for name, template in ground.rollout.templates_before.items():
        live = ground.cluster.find("Deployment", ground.namespace, name)
        if left := remains.of(template, live) if live else []:
            words.append(f"Not as before in {name}, left by somebody else: {', '.join(left)}.")
    for name, known in _known_before(ground).items():
        if known["available"] < known["desired"]:
            words.append(f"{name} was unhealthy before, too: {known['available']} of {known['desired']} available.")
    return " ".join(words)


def _is_back(ground: Ground, target: Rollout, view: View, written: dict[str, Object]) -> bool:
    """Every process that is not ending runs the previous release, and as many are available as before."""
    before = _known_before(ground)
    by_name = {deployment["metadata"]["name"]: deployment for deployment in view.deployments}
    if set(by_name) != set(written):
        return False
    for name, answer in written.items():
        status, desired = by_name[name].get("status", {}), by_name[name]["spec"].get("replicas", 1)
        needed = min(before.get(name, {}).get("available", desired), desired)
        generation = answer["metadata"]["generation"]
        if _uid(by_name[name]) != _uid(answer) or status.get("observedGeneration", 0) < generation:
            return False
        if status.get("availableReplicas", 0) < needed:
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
        rollout.transition("rolled_back", reason=ground.clean(f"{rollout.reason} {words}"))


def _kept_objects(ground: Ground) -> list[Object]:
    target = _target(ground.rollout)
    return (target.objects_applied or []) if target else []


def _kept_secrets(ground: Ground) -> set[str]:
    previous = ground.rollout.previous_id
    kept = {manifests.secret_name(previous)} if previous else set()
    return kept | secrets_in_use.read(ground.cluster, ground.namespace)


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
        container = verdict.container or manifests.CONTAINER
        pod = next((pod for pod in ground.view().pods if processes.name(pod) == verdict.process), None)
        return ground.cluster.log(
            ground.namespace,
            verdict.process,
            container=container,
            tail=LOG_LINES,
            previous=pod is not None and processes.ended_before(pod, container),
            seconds=LOG_SECONDS,
        )
    except ClusterError:
        return []


def _uid(obj: Object) -> str:
    return obj["metadata"]["uid"]
