"""Judge a one-off process: still on its way, ended with a code, or come to nothing, and why. Pure.

What counts is how our container ended, not what the Job says: a sidecar that somebody injects keeps a Job from ending.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.pipeline import job_health, meaning, processes
from releases.pipeline.service_state import Rules

Object = dict[str, Any]
WHO = "The command"
# A cluster that grows when it is full takes minutes for that.
PLACE_SECONDS = 300.0
HINT_TIME = "Give it more time, or make it faster."


@dataclass(frozen=True)
class State:
    """`exit_code` once it has ended by itself; `failure` in words, with a hint, when it can't; else `waiting`: for what
    it waits before it begins, "" when it runs."""

    exit_code: int | None = None
    failure: str = ""
    code: str = "run_failed"
    hint: str = ""
    waiting: str = ""

    @property
    def is_over(self) -> bool:
        return self.exit_code is not None or bool(self.failure)


def assess(
    job: Object | None,
    pods: list[Object],
    *,
    uid: str,
    rules: Rules,
    first_seen: Mapping[str, datetime],
    waited: float,
    said: Mapping[str, str],
    now: datetime,
) -> State:
    """`pods`: those of the Job. `waited`: seconds since it was let go. `said`: object uid → the last warning of it."""
    if job is None or job["metadata"]["uid"] != uid:
        return State(failure=f"{WHO} was stopped: somebody has removed its Job.", code="run_stopped")
    timed_out = any(_reason(job, kind) == "DeadlineExceeded" for kind in ("FailureTarget", "Failed"))
    if timed_out:
        seconds = (job.get("spec") or {}).get("activeDeadlineSeconds")
        return State(
            failure=f"{WHO} did not end within {seconds} s and was stopped.", code="run_timed_out", hint=HINT_TIME
        )
    if (pod := next((pod for pod in pods if _ended(pod)), None)) is not None:
        return _end(pod)
    if processes.is_ending(job) or any(processes.is_going(pod) for pod in pods):
        # Its last lines are still to come, and perhaps its exit code.
        return State(waiting="") if pods else State(failure=f"{WHO} was stopped.", code="run_stopped")
    if found := job_health.hopeless(pods, rules=rules, first_seen=first_seen, now=now, who=WHO):
        return State(failure=meaning.sentence(found.reason), code="run_not_started", hint=found.hint)
    if processes.has(job, "Failed"):
        words = processes.condition(job, "Failed").get("message") or "its Job failed"
        return State(failure=f"{WHO} was stopped: {meaning.sentence(words)}", code="run_stopped")
    return _before_it_runs(pods, said.get(uid, ""), waited)


def _before_it_runs(pods: list[Object], warning: str, waited: float) -> State:
    if not pods:
        return _without_pod(warning, waited)
    pod = pods[0]
    place = processes.condition(pod, "PodScheduled")
    if place.get("status") == "False":
        words = place.get("message") or place.get("reason") or "no node has room"
        if waited > PLACE_SECONDS:
            hint = meaning.place_hint(words, "the service")
            return State(failure=f"{WHO} found no place: {words}", code="run_not_started", hint=hint)
        return State(waiting=words)
    if processes.runs(pod):
        return State()
    return State(waiting=processes.waiting_words(pod) or "its process is being made")


def _without_pod(warning: str, waited: float) -> State:
    """`warning`: the cluster's about its Job, such as that a quota is exceeded."""
    if not warning:
        return State(waiting="its process is being made")
    refusal = meaning.refusal(warning, hopeless=True)
    if waited <= refusal.seconds:
        return State(waiting=warning)
    return State(failure=f"{WHO} may not be started: {warning}", code="run_not_started", hint=refusal.hint)


def _end(pod: Object) -> State:
    ended = _ended(pod)
    if job_health.was_stopped(pod):
        return State(failure=f"{WHO} was stopped before it had ended.", code="run_stopped")
    return State(exit_code=ended.get("exitCode") or 0)


def _ended(pod: Object) -> Object:
    """The end of our container; that it can't start is no end, but its ailment."""
    ended = (processes.container(pod).get("state") or {}).get("terminated") or {}
    return {} if ended.get("reason") in processes.NOT_ENDED else ended


def _reason(job: Object, kind: str) -> str:
    return processes.condition(job, kind).get("reason", "") if processes.has(job, kind) else ""
