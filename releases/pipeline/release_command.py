"""The release command: a Job of the new release, at most once by us, before anything that runs is changed."""

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Object
from releases.errors import NotFound, Refused, RolloutFailed
from releases.pipeline import (
    causes,
    command_job,
    command_output,
    following,
    job_health,
    manifests,
    meaning,
    processes,
)
from releases.pipeline.command_output import Output
from releases.pipeline.examination import at_verdict
from releases.pipeline.ground import Aborted, Ground
from releases.pipeline.health import PROGRESSING, Verdict

EVIDENCE_LINES = 20
LOOK_SECONDS = 0.5
BATCH_SECONDS = 0.05
STOPPED = "The release command was stopped before it had ended."


def run(ground: Ground) -> None:
    """Until it has ended well. Raises RolloutFailed, Aborted: by then nothing of it runs any more."""
    job = command_job.made(ground)
    try:
        command_job.raise_noted(ground)
        ground.check()
        job = command_job.let_go(ground, job)
        verdict, pods = _follow(ground, job)
        if verdict.status == "failed":
            _note(ground, verdict, pods)
            command_job.raise_noted(ground)
    except (Aborted, RolloutFailed):
        command_job.stop(ground, job)
        raise
    # First note how it ended, then remove it: who takes over in between must not miss it.
    with transaction.atomic():
        ground.say_all([ground.status_line("Pending", "Updating")])
        ground.rollout.transition("rolling")
    logs.pages_changed(ground.rollout.app_id)
    command_job.stop(ground, job)


# --- Its course -----------------------------------------------------------------------------------------------------


def _follow(ground: Ground, job: Object) -> tuple[Verdict, list[Object]]:
    """Tell its output while it runs, until it has ended or can't run; and give its processes as they were last seen.
    Raises RolloutFailed, Aborted."""
    events = ground.event_log()
    output: Output | None = None
    seen: list[Object] = []
    try:
        while True:
            ground.check()
            view = ground.view()
            ground.say_all(events.lines(view, timezone.now()))
            pods = command_job.pods(job, view.pods)
            seen = pods or seen
            output = output or _output(ground, pods)
            while output and (entries := output.entries()):
                ground.say_all(command_output.lines(entries))
            live = next((seen for seen in view.jobs if command_job.uid(seen) == command_job.uid(job)), None)
            if live is None or _assess(ground, live, pods).status != "progressing":
                verdict, pods = _asked(ground, job)
                if verdict.status != "progressing":
                    _tell_rest(ground, output or _output(ground, pods))
                    return _told_why(verdict, pods or seen), pods or seen
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
    manifest = rollout.release.manifest
    rules = following.rules(manifest, manifest["release"]["service"], first=False)
    if seen != known:
        texts = {key: time.isoformat() for key, time in seen.items()}
        found = causes.of_command(pods, rules=rules, first_seen=seen, now=now)
        told = [ground.clean_all(cause.as_json()) for cause in found]
        ground.remember(progress={**rollout.progress, "first_seen": texts, "causes": told})
    return job_health.assess_job(job, pods, rules=rules, first_seen=seen, now=now)


def _asked(ground: Ground, job: Object) -> tuple[Verdict, list[Object]]:
    """The verdict on what the cluster itself says now: the mirror of one kind may lag behind that of another."""
    live = command_job.still_there(ground, job)
    items, _ = ground.cluster.list_all("Pod", ground.namespace, labels=manifests.OURS)
    pods = command_job.pods(job, items)
    return _assess(ground, live, pods) if not live["spec"].get("suspend") else PROGRESSING, pods


def _output(ground: Ground, pods: list[Object]) -> Output | None:
    """Of the pod whose container has begun."""
    for pod in pods:
        if (processes.container(pod).get("state") or {}).keys() & {"running", "terminated"}:
            return command_output.of_rollout(ground.rollout, ground.cluster, processes.name(pod), ground.woken)
    return None


def _tell_rest(ground: Ground, output: Output | None) -> None:
    if output is None:
        return
    try:
        for entries in output.rest():
            ground.say_all(command_output.lines(entries))
    except (Refused, NotFound) as error:
        ground.say(f"The end of its output could not be read: {error.message}", key="output lost")


def _last_words(ground: Ground, verdict: Verdict) -> list[str]:
    if not verdict.process:
        return []
    try:
        return command_output.last_lines(ground.cluster, ground.namespace, verdict.process, EVIDENCE_LINES)
    except (Refused, NotFound):
        return []


def _note(ground: Ground, verdict: Verdict, pods: list[Object]) -> None:
    """Why it failed, for whoever takes over while it is stopped: then its Job says no more."""
    evidence = _last_words(ground, verdict)
    unset = meaning.unset_hint(evidence[-1], ground.rollout.release.variables()) if evidence else ""
    failed = {
        "message": ground.clean(verdict.reason),
        "cause": verdict.cause,
        "hint": ground.clean(unset or verdict.hint),
        "evidence": [ground.clean(text) for text in evidence],
    }
    # Of its Job nothing is left to be seen once it is stopped.
    found = at_verdict.diagnosed(ground, replace(verdict, hint=unset or verdict.hint), evidence, pods)
    ground.remember(progress={**ground.rollout.progress, "command_failed": failed}, diagnosis=found)
