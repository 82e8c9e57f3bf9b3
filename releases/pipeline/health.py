"""Judge a rollout from what the cluster reports. Pure: nothing is fetched here, and time is passed in.

The rules are the table of doom in ROLLOUT.md; object status decides, events only supply words.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from releases.pipeline import processes
from releases.pipeline.processes import Ailment

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
PATIENCE_SECONDS = 60  # with errors that may heal by themselves
QUOTA_SECONDS = 20
EXITS, EXITS_FIRST_DEPLOY = 2, 3

PULL_FINAL = re.compile(
    r"not found|denied|authoriz|unauthoriz|forbidden|no match for platform|no matching manifest|manifest unknown"
    r"|repository does not exist|no basic auth",
    re.IGNORECASE,
)
PULL_MAY_HEAL = re.compile(
    r"dial tcp|no such host|tls:|x509|connection refused|i/o timeout|timeout|toomanyrequests|\b(429|50[0-9]|EOF)\b",
    re.IGNORECASE,
)
CONFIG_FINAL = re.compile(
    r'(secret|configmap) "[^"]*" not found|couldn\'t find key|references non-existent', re.IGNORECASE
)
START_FINAL = re.compile(
    r"no such file|not found in \$?PATH|permission denied|exec format|is a directory|not a directory", re.IGNORECASE
)


@dataclass(frozen=True)
class Rules:
    """Limits for one service: seconds, but `exits`, a number. None: the default of the table."""

    deadline: int
    exits: int
    pull: int | None = None
    start: int | None = None


@dataclass(frozen=True)
class ServiceState:
    """One service as the cluster reports it, with what we remember of it.

    `generation` and `desired`: from the answer to our write. `first_seen`: "<pod uid>/<family>" or "refused" → when we
    first saw that ailment. `risen_at`: when the highest number of available new processes last rose. `liveness_kills`:
    uids of pods of which an event says that their liveness check had them killed (no status says so).
    """

    name: str
    rules: Rules
    generation: int
    desired: int
    risen_at: datetime
    deployment: Object | None = None
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    exits_before: dict[str, int] = field(default_factory=dict)
    first_seen: dict[str, datetime] = field(default_factory=dict)
    liveness_kills: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """`status`: progressing, complete or failed; if failed, with cause, a sentence, a hint, and the process."""

    status: str
    cause: str = ""
    reason: str = ""
    hint: str = ""
    service: str = ""
    process: str = ""


PROGRESSING = Verdict("progressing")
COMPLETE = Verdict("complete")


def assess(services: list[ServiceState], *, now: datetime, verifying: bool = False) -> Verdict:
    """The first doom found wins; complete only when every service is.

    `verifying`: all were complete before and are watched for a while: a liveness check kills only after completion.
    """
    for judge in (_liveness, _exits, _ailments, _refusal, _deadline):
        for service in services:
            if is_complete(service) and not (verifying and judge in (_liveness, _exits)):
                continue
            verdict = judge(service, now)
            if verdict:
                return verdict
    return COMPLETE if services and all(map(is_complete, services)) else PROGRESSING


def is_complete(service: ServiceState) -> bool:
    """The new processes are all there and available; old ones may still be ending."""
    if service.deployment is None:
        return False
    status = service.deployment.get("status", {})
    desired = min(service.desired, service.deployment["spec"].get("replicas", 1))
    return (
        status.get("observedGeneration", 0) >= service.generation
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
        and status.get("readyReplicas", 0) >= desired
        and status.get("availableReplicas", 0) >= desired
    )


def new_processes(service: ServiceState) -> list[Object]:
    """The pods of the ReplicaSet with the Deployment's current revision that are not on their way out."""
    current = current_replica_set(service)
    if current is None:
        return []
    return [pod for pod in service.pods if not processes.is_going(pod) and _owner(pod) == current["metadata"]["uid"]]


def current_replica_set(service: ServiceState) -> Object | None:
    """None while the Deployment's controller has not seen our write: what runs then is still the old."""
    deployment = service.deployment
    if deployment is None or deployment.get("status", {}).get("observedGeneration", 0) < service.generation:
        return None
    revision = deployment["metadata"].get("annotations", {}).get(REVISION)
    for replica_set in service.replica_sets:
        annotations = replica_set["metadata"].get("annotations") or {}
        if _owner(replica_set) == deployment["metadata"]["uid"] and annotations.get(REVISION) == revision:
            return replica_set
    return None


def available_new(service: ServiceState) -> int:
    current = current_replica_set(service)
    return current.get("status", {}).get("availableReplicas", 0) if current else 0


def ailing(service: ServiceState) -> list[tuple[Object, Ailment]]:
    """The new processes that can't run, with what ails them."""
    found = [(pod, processes.ailment(pod)) for pod in new_processes(service)]
    return [(pod, ailment) for pod, ailment in found if ailment]


def ailment_key(pod: Object, ailment: Ailment) -> str:
    return f"{processes.uid(pod)}/{ailment.family}"


def refusal(service: ServiceState) -> str:
    """The words of the quota or admission that refuses new processes; "" when nothing does."""
    current = current_replica_set(service)
    for condition in (current or {}).get("status", {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return condition.get("message", "") or condition.get("reason", "")
    return ""


def _owner(obj: Object) -> str:
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")


def _liveness(service: ServiceState, now: datetime) -> Verdict | None:
    """After completion the first kill dooms; while rolling it counts as an exit like any other."""
    if not is_complete(service):
        return None
    for pod in new_processes(service):
        if processes.uid(pod) in service.liveness_kills:
            reason = f"{processes.name(pod)} was killed because its liveness check failed."
            hint = f"Check what {service.name} answers at its liveness path, or give it more time."
            return Verdict("failed", "liveness", reason, hint, service.name, processes.name(pod))
    return None


def _exits(service: ServiceState, now: datetime) -> Verdict | None:
    for pod in new_processes(service):
        ended = processes.last_exit(pod)
        if ended.get("reason") in processes.START_REASONS:
            continue  # it never ran
        count = processes.exits(pod) - service.exits_before.get(processes.uid(pod), 0)
        if count < service.rules.exits:
            continue
        times = {1: "once", 2: "twice"}.get(count, f"{count} times")
        words = processes.exit_words(ended)
        out_of_memory = ended.get("reason") == "OOMKilled"
        return Verdict(
            "failed",
            cause="out_of_memory" if out_of_memory else "exits",
            reason=f"{processes.name(pod)} {words}; it has ended {times}.",
            hint=(
                f"Raise scale.memory of {service.name} in the manifest, or find what uses the memory."
                if out_of_memory
                else f"Look at the last lines that it wrote: {service.name} must keep running."
            ),
            service=service.name,
            process=processes.name(pod),
        )
    return None


def _ailments(service: ServiceState, now: datetime) -> Verdict | None:
    found = ailing(service)
    for pod, ailment in found:
        since = service.first_seen.get(ailment_key(pod, ailment), now)
        waited = (now - since).total_seconds()
        if waited < patience(service, ailment):
            continue
        # One node's trouble is not the release's, where others run it well.
        if (
            ailment.family in ("pull", "start")
            and available_new(service)
            and len(found) < 2
            and waited < PATIENCE_SECONDS
        ):
            continue
        return Verdict(
            "failed",
            cause=ailment.family,
            reason=f"{processes.name(pod)} can't {_TASK[ailment.family]}: {ailment.message or ailment.reason}",
            hint=_HINT[ailment.family].format(service=service.name),
            service=service.name,
            process=processes.name(pod),
        )
    return None


_TASK = {"pull": "pull its image", "config": "be configured", "start": "start"}
_HINT = {
    "pull": "Check the image of {service} in the manifest, and whether the cluster may read its registry.",
    "config": "Check the Secrets and keys that {service} refers to.",
    "start": "Check the command of {service} in the manifest: it must exist in the image and be executable.",
}


def patience(service: ServiceState, ailment: Ailment) -> float:
    """Seconds that this ailment may last before it dooms."""
    if ailment.family == "pull":
        if ailment.reason in ("InvalidImageName", "ErrImageNeverPull"):
            return 0
        if PULL_FINAL.search(ailment.message) and not PULL_MAY_HEAL.search(ailment.message):
            return 0
        if service.rules.pull is not None:
            return service.rules.pull
        return 0 if ailment.reason == "ImagePullBackOff" else PATIENCE_SECONDS
    final = CONFIG_FINAL if ailment.family == "config" else START_FINAL
    if final.search(ailment.message):
        return 0
    return PATIENCE_SECONDS if service.rules.start is None else service.rules.start


def _refusal(service: ServiceState, now: datetime) -> Verdict | None:
    words = refusal(service)
    if not words:
        return None
    cause, patience, hint = _refused(service, words)
    if (now - service.first_seen.get("refused", now)).total_seconds() < patience:
        return None
    return Verdict("failed", cause=cause, reason=f"{service.name}: {words}", hint=hint, service=service.name)


def _refused(service: ServiceState, words: str) -> tuple[str, float, str]:
    """Cause, seconds of patience, hint. A quota may only be waiting for an old process to end."""
    if "failed calling webhook" in words:
        return "admission", PATIENCE_SECONDS, "An admission webhook of the cluster does not answer."
    if "admission webhook" in words:
        return "admission", 0, "An admission webhook of the cluster forbids these processes: its message says why."
    hint = "Raise the namespace's quota, or make room: scale something down."
    hopeless = _max_unavailable(service) == 0 and not any(map(processes.is_going, service.pods))
    return "quota", 0 if hopeless else QUOTA_SECONDS, hint


def _max_unavailable(service: ServiceState) -> int:
    """As the Deployment's controller resolves it: a share rounded down, and one where both limits come to nothing."""
    spec = (service.deployment or {}).get("spec", {})
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    count = spec.get("replicas", 1)
    unavailable = _resolved(rolling.get("maxUnavailable", 0), count, math.floor)
    surge = _resolved(rolling.get("maxSurge", 1), count, math.ceil)
    return unavailable if unavailable or surge else 1


def _resolved(limit: int | str, count: int, rounded: Callable[[float], int]) -> int:
    return limit if isinstance(limit, int) else rounded(int(limit.rstrip("%")) * count / 100)


def _deadline(service: ServiceState, now: datetime) -> Verdict | None:
    if now - service.risen_at < timedelta(seconds=service.rules.deadline):
        return None
    waiting = [pod for pod in new_processes(service) if not processes.is_ready(pod)]
    pod = waiting[0] if waiting else None
    unscheduled = pod and _unschedulable(pod)
    subject = processes.name(pod) if pod else service.name
    if unscheduled:
        reason = f"{subject} found no place in the cluster within {service.rules.deadline} s: {unscheduled}"
        hint = f"Lower scale.cpu or scale.memory of {service.name}, or add a node."
    elif pod:
        reason = f"{subject} did not become ready within {service.rules.deadline} s."
        hint = f"Check the health check of {service.name}: its path, its port, and what the process answers."
    else:
        reason = f"{service.name} made no progress within {service.rules.deadline} s."
        hint = "Look at the cluster's messages in the log."
    cause = "unschedulable" if unscheduled else "never_ready"
    return Verdict(
        "failed", cause=cause, reason=reason, hint=hint, service=service.name, process=subject if pod else ""
    )


def _unschedulable(pod: Object) -> str:
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return condition.get("message", "") or "unschedulable"
    return ""
