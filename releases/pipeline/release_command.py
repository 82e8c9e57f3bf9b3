"""The release command: a Job of the new release, at most once by us, before anything that runs is changed."""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import ClusterError, ClusterUnavailable, Conflict, NotFound, Refused, RolloutFailed
from releases.pipeline import command_output, following, job_health, manifests, processes
from releases.pipeline.applying import MANAGER
from releases.pipeline.command_output import Output
from releases.pipeline.ground import Aborted, Ground
from releases.pipeline.health import PROGRESSING, Verdict
from releases.pipeline.ownership import controller

logger = logging.getLogger(__name__)
EVIDENCE_LINES = 20
LOOK_SECONDS = 0.5
BATCH_SECONDS = 0.05
STOP_SECONDS = 60
TRIES = 20
STOPPED = "The release command was stopped before it had ended."
NAME = re.compile(r"release-(\d+)")


def run(ground: Ground) -> None:
    """Until it has ended well. Raises RolloutFailed, Aborted: by then nothing of it runs any more."""
    job = _begin(ground)
    try:
        verdict = _follow(ground, job)
        if verdict.status == "failed":
            raise RolloutFailed(
                verdict.reason, cause=verdict.cause, hint=verdict.hint, evidence=_last_words(ground, verdict)
            )
    except (Aborted, RolloutFailed):
        _stop(ground, job)
        raise
    # First note how it ended, then remove it: who takes over in between must not miss it.
    with transaction.atomic():
        ground.say_all([ground.status_line("Pending", "Updating")])
        ground.rollout.transition("rolling")
    logs.pages_changed(ground.rollout.app_id)
    _stop(ground, job)


def remove(ground: Ground) -> None:
    """The Job of this rollout, if there is one, once its end is noted; else the next prune does it."""
    if "job" in ground.rollout.progress:
        try:
            name = f"release-{ground.rollout.number}"
            ground.cluster.delete("Job", ground.namespace, name, uid=ground.rollout.progress["job"])
        except ClusterError as error:
            logger.info("a release command's Job stays for the next prune: %s", error.message)


def of_earlier_rollouts(ground: Ground) -> list[str]:
    """Names of the Jobs of earlier rollouts that are not gone yet, with their pods; they are told to stop.

    Two release commands must never run side by side.
    """
    jobs, _ = ground.cluster.list_all("Job", ground.namespace, labels=manifests.OURS)
    found = []
    for job in filter(ground.own.is_ours, jobs):
        match = NAME.fullmatch(job["metadata"]["name"])
        if match and int(match[1]) < ground.rollout.number:
            found.append(job["metadata"]["name"])
            if not processes.is_ending(job):
                with suppress(Conflict):
                    _delete(ground, job)
    return found


# --- Its beginning --------------------------------------------------------------------------------------------------


def _begin(ground: Ground) -> Object:
    """Create the Job, or adopt the one that an earlier worker created; note its uid; then let it go.

    It is created suspended: a worker that was taken over from can't note it, and so never lets it go.
    """
    rollout = ground.rollout
    name = f"release-{rollout.number}"
    known = rollout.progress.get("job")
    live = ground.cluster.find("Job", ground.namespace, name)
    if known and (live is None or live["metadata"]["uid"] != known):
        raise RolloutFailed(
            "The release command's Job is gone; it may have run in part and is not run again.", cause="release_command"
        )
    live = live or _created(ground)
    if not ground.own.is_ours(live) or processes.release(live) != rollout.release_id:
        raise RolloutFailed(f"Job {name} in {ground.namespace} was not made for this release: remove it.")
    if not known:
        ground.remember(progress={**rollout.progress, "job": live["metadata"]["uid"]})
    ground.cluster_is_back()
    return _let_go(ground, live)


def _created(ground: Ground) -> Object:
    rollout = ground.rollout
    command = " ".join(rollout.release.manifest["release"]["command"])
    ground.say(f"Running the release command: {command}", key="release command")
    epoch = ".".join(map(str, ground.writer.stamp))
    wanted = manifests.release_job(
        rollout.release, number=rollout.number, installation=settings.DEPLOYER_INSTALLATION, epoch=epoch
    )
    ground.check()
    try:
        return ground.cluster.create(wanted)
    except Conflict:
        return ground.cluster.get("Job", ground.namespace, wanted["metadata"]["name"])


def _let_go(ground: Ground, job: Object) -> Object:
    """Raises RolloutFailed when somebody has deleted it."""
    for _ in range(TRIES):
        if not job["spec"].get("suspend"):
            return job
        try:
            return ground.cluster.apply(manifests.resumed(job), manager=MANAGER, force=True)
        except Conflict:  # its controller has noted that it is suspended
            job = _still_there(ground, job)
    raise RolloutFailed("The release command's Job keeps changing under our hands.", cause="release_command")


# --- Its course -----------------------------------------------------------------------------------------------------


def _follow(ground: Ground, job: Object) -> Verdict:
    """Tell its output while it runs, until it has ended or can't run. Raises RolloutFailed, Aborted."""
    events = following.log_of_events(ground.rollout)
    output: Output | None = None
    seen: list[Object] = []
    try:
        while True:
            ground.check()
            view = ground.view()
            ground.say_all(events.lines(view, timezone.now()))
            pods = _pods(job, view.pods)
            seen = pods or seen
            output = output or _output(ground, pods)
            while output and (lines := output.lines()):
                ground.say_all(lines)
            live = next((seen for seen in view.jobs if _uid(seen) == _uid(job)), None)
            if live is None or _assess(ground, live, pods).status != "progressing":
                verdict, pods = _asked(ground, job)
                if verdict.status != "progressing":
                    _tell_rest(ground, output or _output(ground, pods))
                    return _told_why(verdict, pods or seen)
            ground.wait(LOOK_SECONDS)
            ground.stop.wait(BATCH_SECONDS)  # lines that come one by one are told together
    finally:
        if output:
            output.close()


def _told_why(verdict: Verdict, pods: list[Object]) -> Verdict:
    """Where the Job only says that it failed, the processes that were last seen say more."""
    cut = any(processes.is_ending(pod) or not processes.last_exit(pod) for pod in pods)
    unexplained = verdict.reason.startswith(f"{job_health.COMMAND} failed: ")
    return replace(verdict, reason=STOPPED) if unexplained and cut else verdict


def _assess(ground: Ground, job: Object, pods: list[Object]) -> Verdict:
    rollout, now = ground.rollout, timezone.now()
    known = {key: following.time(text) for key, text in rollout.progress.get("first_seen", {}).items()}
    seen = job_health.sightings(known, pods, now)
    if seen != known:
        texts = {key: time.isoformat() for key, time in seen.items()}
        ground.remember(progress={**rollout.progress, "first_seen": texts})
    manifest = rollout.release.manifest
    rules = following.rules(manifest, manifest["release"]["service"], first=False)
    return job_health.assess_job(job, pods, rules=rules, first_seen=seen, now=now)


def _asked(ground: Ground, job: Object) -> tuple[Verdict, list[Object]]:
    """The verdict on what the cluster itself says now: the mirror of one kind may lag behind that of another."""
    live = _still_there(ground, job)
    items, _ = ground.cluster.list_all("Pod", ground.namespace, labels=manifests.OURS)
    pods = _pods(job, items)
    return _assess(ground, live, pods) if not live["spec"].get("suspend") else PROGRESSING, pods


def _still_there(ground: Ground, job: Object) -> Object:
    live = ground.cluster.find("Job", ground.namespace, job["metadata"]["name"])
    if live is None or _uid(live) != _uid(job) or processes.is_ending(live):
        words = "The release command's Job was deleted by somebody else; it may have run in part."
        raise RolloutFailed(words, cause="release_command")
    return live


def _output(ground: Ground, pods: list[Object]) -> Output | None:
    """Of the pod whose container has begun."""
    for pod in pods:
        if (processes.container(pod).get("state") or {}).keys() & {"running", "terminated"}:
            return Output(ground.rollout, ground.cluster, processes.name(pod), ground.woken)
    return None


def _tell_rest(ground: Ground, output: Output | None) -> None:
    if output is None:
        return
    rest: Iterator[list[logs.Line]] = output.rest()
    try:
        for lines in rest:
            ground.say_all(lines)
    except (Refused, NotFound) as error:
        ground.say(f"The end of its output could not be read: {error.message}", key="output lost")


def _last_words(ground: Ground, verdict: Verdict) -> list[str]:
    if not verdict.process:
        return []
    try:
        return command_output.last_lines(ground.cluster, ground.namespace, verdict.process, EVIDENCE_LINES)
    except (Refused, NotFound):
        return []


# --- Its end --------------------------------------------------------------------------------------------------------


def _stop(ground: Ground, job: Object) -> None:
    """It is over when its pod is gone. Raises ClusterUnavailable: then it may still run."""
    grace = job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds") or 0
    deadline: datetime = timezone.now() + timedelta(seconds=STOP_SECONDS + grace)
    try:
        _delete(ground, job)
        while (live := ground.cluster.find("Job", ground.namespace, job["metadata"]["name"])) and (
            _uid(live) == _uid(job) and timezone.now() < deadline
        ):
            ground.check(abortable=False)
            ground.stop.wait(0.1)
    except ClusterUnavailable:
        raise
    except ClusterError as error:
        logger.info("the Job %s stays: %s", job["metadata"]["name"], error.message)


def _delete(ground: Ground, job: Object) -> None:
    """In the foreground: it stays until its pod is gone (a plain delete leaves the pod running)."""
    metadata = job["metadata"]
    ground.cluster.delete("Job", ground.namespace, metadata["name"], uid=metadata["uid"], propagation="Foreground")


def _pods(job: Object, pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if controller(pod, "Job") == _uid(job)]


def _uid(obj: Object) -> str:
    return obj["metadata"]["uid"]
