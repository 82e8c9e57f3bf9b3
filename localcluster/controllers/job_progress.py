"""How far a Job has come, and how it ends (pkg/controller/job; recordings job-*). Pure but for the clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcluster import clock
from localcluster.controllers import conditions
from localcluster.kubelet import pods

Object = dict[str, Any]
Verdict = tuple[str, str]
"""Reason and message of the final conditions."""

TRACKING = "batch.kubernetes.io/job-tracking"
LAST_BACKOFF = 600.0
COMPLETE: Verdict = ("CompletionsReached", "Reached expected number of succeeded pods")
LATE: Verdict = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF: Verdict = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


@dataclass(frozen=True)
class Tally:
    """A Job's pods. `uncounted` are the uids of ended ones that its status does not count yet."""

    pods: list[Object]
    uncounted: dict[str, set[str]]
    succeeded: int
    failed: int

    @property
    def active(self) -> list[Object]:
        return [pod for pod in self.pods if pods.is_active(pod)]

    @property
    def terminating(self) -> int:
        return sum(pods.is_terminating(pod) and not pods.is_finished(pod) for pod in self.pods)


def tally(job: Object, mine: Iterable[Object]) -> Tally:
    """Counts a Job's pods: ended ones that are tracked, or noted as uncounted, come on top of the status's counts."""
    mine, status = list(mine), job.get("status") or {}
    noted = status.get("uncountedTerminatedPods") or {}
    found = {name: set(noted.get(name) or []) for name in ("succeeded", "failed")}
    for pod in mine:
        if has_ended(job, pod) and is_tracked(pod):
            name = "succeeded" if pods.phase(pod) == "Succeeded" else "failed"
            if name == "succeeded" or _rule(job, pod)[0] != "Ignore":
                found[name].add(pod["metadata"]["uid"])
    counts = {name: status.get(name, 0) + len(uids) for name, uids in found.items()}
    return Tally(mine, found, counts["succeeded"], counts["failed"])


def has_ended(job: Object, pod: Object) -> bool:
    """Whether it is to be counted: with the replacement policy Failed, a pod that is being deleted still runs."""
    if replaces_only_failed(job):
        return pods.is_finished(pod)
    return not pods.is_active(pod)


def replaces_only_failed(job: Object) -> bool:
    return bool(job["spec"].get("podReplacementPolicy") == "Failed")


def is_tracked(pod: Object) -> bool:
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def final(job: Object) -> Object | None:
    """The condition that ended it."""
    status = job.get("status") or {}
    return conditions.find(status, "Complete") or conditions.find(status, "Failed")


def judge(job: Object, found: Tally) -> tuple[Verdict | None, bool]:
    """How the Job ends, if it does, and whether that is a success. A verdict once noted stands."""
    status = job.get("status") or {}
    for type_, succeeded in (("SuccessCriteriaMet", True), ("FailureTarget", False)):
        noted = conditions.find(status, type_)
        if noted:
            return (noted["reason"], noted["message"]), succeeded
    broken = next((why for pod in found.pods for action, why in [_rule(job, pod)] if action == "FailJob"), None)
    if broken:
        return ("PodFailurePolicy", broken), False
    has_new_failure = found.failed > status.get("failed", 0)
    if (has_new_failure and found.failed > job["spec"].get("backoffLimit", 6)) or _restarts_exceed(job, found):
        return BACKOFF, False
    if deadline_left(job) == 0:
        return LATE, False
    return (COMPLETE, True) if _is_complete(job, found) else (None, False)


def _is_complete(job: Object, found: Tally) -> bool:
    """Without a number of completions, one success and the end of all others are enough."""
    wanted = job["spec"].get("completions")
    if wanted is None:
        return found.succeeded > 0 and not found.active
    return bool(found.succeeded >= wanted)


def missing(job: Object, found: Tally) -> int:
    """How many pods to start, or, below 0, to delete."""
    if job["spec"].get("suspend"):
        return -len(found.active)
    parallel, wanted = job["spec"].get("parallelism", 1), job["spec"].get("completions")
    if wanted is not None:
        target = min(parallel, wanted - found.succeeded)
    else:
        target = min(len(found.active), parallel) if found.succeeded else parallel
    running = len(found.active) + (found.terminating if replaces_only_failed(job) else 0)
    if running > target:
        return min(0, target - len(found.active))
    return int(target - running)


def _restarts_exceed(job: Object, found: Tally) -> bool:
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    names = ("containerStatuses", "initContainerStatuses")
    statuses = [(pod.get("status") or {}).get(name) or [] for pod in found.active for name in names]
    restarts = sum(container.get("restartCount", 0) for found in statuses for container in found)
    limit = job["spec"].get("backoffLimit", 6)
    return restarts > 0 if limit == 0 else restarts >= limit


def deadline_left(job: Object) -> float | None:
    """Seconds until activeDeadlineSeconds have passed, at least 0; None without a deadline, a start, or suspended."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    started = (job.get("status") or {}).get("startTime")
    if seconds is None or job["spec"].get("suspend"):
        return None
    return max(0.0, seconds - seconds_since(started)) if started else float(seconds)


def backoff_left(found: Tally, first: float) -> float:
    """Seconds until the next pod may be made: `first` after a failure, then twice as long for each in a row."""
    ends = sorted((end, pods.phase(pod) == "Failed") for pod in found.pods for end in _ends(pod)[-1:])
    failures = 0
    for _, failed in reversed(ends):
        if not failed:
            break
        failures += 1
    if not failures:
        return 0.0
    delay = min(LAST_BACKOFF, first * 2.0 ** min(failures - 1, 30))
    return max(0.0, delay - seconds_since(ends[-1][0]))


def _ends(pod: Object) -> list[str]:
    """When the containers of a finished pod ended, in order."""
    if not pods.is_finished(pod):
        return []
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    states = [(status.get("state") or {}).get("terminated") or {} for status in statuses]
    return sorted(state["finishedAt"] for state in states if state.get("finishedAt"))


def seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - clock.parse(moment)).total_seconds()


def condition(type_: str, verdict: Verdict, status: str = "True") -> Object:
    now = clock.now()
    return {
        "type": type_,
        "status": status,
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": verdict[0],
        "message": verdict[1],
    }


def put_counts(status: Object, found: Tally) -> None:
    """Writes the numbers of pods that have not ended; zeroes where the API writes them."""
    status["active"] = len(found.active)
    if not found.active:
        del status["active"]
    status["terminating"] = found.terminating
    status["ready"] = sum(pods.is_ready(pod) for pod in found.active)


# The pod failure policy


def _rule(job: Object, pod: Object) -> tuple[str, str]:
    """What the Job's podFailurePolicy says of a failed pod: the action of the first rule that fits, and why."""
    if pods.phase(pod) != "Failed":
        return "", ""
    for index, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or []):
        why = _fits(rule, pod)
        if why:
            action = rule.get("action", "")
            return action, f"{why} matching {action} rule at index {index}"
    return "", ""


def _fits(rule: Object, pod: Object) -> str:
    place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    codes: Object = rule.get("onExitCodes") or {}
    for status in (pod.get("status") or {}).get("containerStatuses") or [] if codes else []:
        code = ((status.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        named = codes.get("containerName") in (None, status["name"])
        if code and named and (code in (codes.get("values") or [])) == (codes.get("operator") == "In"):
            return f"Container {status['name']} for pod {place} failed with exit code {code}"
    for pattern in rule.get("onPodConditions") or []:
        found = pods.condition(pod, pattern.get("type", ""))
        if found and found["status"] == pattern.get("status", "True"):
            return f"Pod {place} has condition {found['type']}"
    return ""
