"""Judge a release command: a Job that runs once, and its processes. Pure, as `health` is.

What counts is how our container ended, not the Job's word alone: a program that exits with 0 when it is told to stop
makes its Job complete, and a sidecar that somebody injects keeps a Job from ever completing.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from releases.pipeline import meaning, processes
from releases.pipeline.health import COMPLETE, PROGRESSING, Verdict
from releases.pipeline.service_state import Rules, ailment_key

Object = dict[str, Any]
RETRIES = 6  # Kubernetes' default of backoffLimit
COMMAND = "The release command"


def assess_job(
    job: Object,
    pods: list[Object],
    *,
    rules: Rules,
    first_seen: Mapping[str, datetime],
    now: datetime,
    ours: Collection[str] = processes.OURS,
) -> Verdict:
    """`pods`: those of this Job. `first_seen`: as `sightings` remembers it. Of `rules`, `pull` and `start` count."""
    spec = job.get("spec") or {}
    retries = RETRIES if spec.get("backoffLimit") is None else spec["backoffLimit"]
    failed = [pod for pod in pods if _has_failed(pod, ours)]
    failure = next(
        (processes.condition(job, kind) for kind in ("FailureTarget", "Failed") if processes.has(job, kind)), {}
    )
    if failure.get("reason") == "DeadlineExceeded":
        return _timed_out(spec, pods, rules=rules, ours=ours)
    if failed and (failure or len(failed) > retries):
        return _ended_badly(max(failed, key=_finished), ours)
    if failure:
        words = failure.get("message") or failure.get("reason") or "failed"
        return _doom("release_command", f"{COMMAND} failed: {words}.", "Look at the cluster's messages in the log.")
    if processes.has(job, "Complete") or any(_has_succeeded(pod, ours) for pod in pods):
        return COMPLETE
    return hopeless(pods, rules=rules, first_seen=first_seen, now=now, ours=ours) or PROGRESSING


def sightings(
    first_seen: Mapping[str, datetime], pods: list[Object], now: datetime, ours: Collection[str] = processes.OURS
) -> dict[str, datetime]:
    """What to remember after this look: since when each ailment is seen."""
    found = [(pod, processes.ailment(pod, ours=ours)) for pod in pods]
    keys = [ailment_key(pod, ailment) for pod, ailment in found if ailment]
    running = {processes.uid(pod) for pod in pods if processes.runs(pod, ours=ours)}
    kept = {key: seen for key, seen in first_seen.items() if key.split("/")[0] not in running}
    return {**dict.fromkeys(keys, now), **kept}


def was_stopped(pod: Object, *, ours: Collection[str] = processes.OURS) -> bool:
    """Whether it was told to go before its container had ended. Two times of the cluster's are compared here."""
    if not processes.is_ending(pod):
        return processes.is_going(pod)
    metadata = pod["metadata"]
    asked = parse_datetime(metadata["deletionTimestamp"])
    finished = parse_datetime(processes.last_exit(pod, ours=ours).get("finishedAt") or "")
    if asked is None or finished is None:
        return True
    return finished >= asked - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)


def _has_failed(pod: Object, ours: Collection[str]) -> bool:
    """Ended, and not well: at any exit code, if it was stopped before."""
    ended = _ended(pod, ours)
    if not ended or ended.get("reason") in processes.START_REASONS:
        return False  # that it can't start is told by its ailment
    return bool(ended.get("exitCode")) or was_stopped(pod, ours=ours)


def _has_succeeded(pod: Object, ours: Collection[str]) -> bool:
    ended = _ended(pod, ours)
    return bool(ended) and not ended.get("exitCode") and not was_stopped(pod, ours=ours)


def _ended(pod: Object, ours: Collection[str]) -> Object:
    """The end of our container, once it has come."""
    name = processes.failing(pod, ours=ours)
    return (processes.container(pod, name).get("state") or {}).get("terminated") or {}


def _finished(pod: Object) -> str:
    return processes.last_exit(pod).get("finishedAt") or ""


def _ended_badly(pod: Object, ours: Collection[str]) -> Verdict:
    ended = _ended(pod, ours)
    container = processes.failing(pod, ours=ours)
    if was_stopped(pod, ours=ours):
        reason, hint = f"{COMMAND} was stopped before it had ended.", "Find out who or what stopped it."
    else:
        reason, hint = f"{COMMAND} {processes.exit_words(ended)}.", "Look at the last lines that it wrote."
    return _doom("release_command", reason, hint, pod, container)


def _timed_out(spec: Object, pods: list[Object], *, rules: Rules, ours: Collection[str]) -> Verdict:
    limit = spec.get("activeDeadlineSeconds")
    within = f"within {limit} s" if limit else "in time"
    hint = "Raise release.timeout in the manifest, or make the command faster."
    pod = pods[-1] if pods else None
    container = processes.failing(pod, ours=ours) if pod else ""
    return _doom("release_command", f"{COMMAND} did not end {within} and was stopped.", hint, pod, container)


def hopeless(
    pods: list[Object],
    *,
    rules: Rules,
    first_seen: Mapping[str, datetime],
    now: datetime,
    ours: Collection[str] = processes.OURS,
    who: str = COMMAND,
) -> Verdict | None:
    """An image that is not there, a command that does not exist: the same verdicts as for a service. `who` can't."""
    for pod in pods:
        ailment = None if processes.is_going(pod) else processes.ailment(pod, ours=ours)
        if ailment is None:
            continue
        waited = (now - first_seen.get(ailment_key(pod, ailment), now)).total_seconds()
        if waited >= meaning.patience(ailment, pull=rules.pull, start=rules.start):
            reason = f"{who} can't {meaning.TASK[ailment.family]}: {ailment.message or ailment.reason}"
            what = who[0].lower() + who[1:]
            hint = meaning.hint(ailment, what, command=what)
            return _doom(ailment.family, reason, hint, pod, ailment.container)
    return None


def _doom(cause: str, reason: str, hint: str, pod: Object | None = None, container: str = "") -> Verdict:
    process = processes.name(pod) if pod else ""
    return Verdict("failed", cause, reason, hint, process=process, container=container)
