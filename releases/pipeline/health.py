"""Judge a rollout from what the cluster reports. Pure: nothing is fetched here, and time is passed in.

The rules are the table of doom in ROLLOUT.md; object status decides, events only supply words (but for liveness kills,
which no status shows). The cluster's clock is never read: seconds count from when we first saw a thing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from releases.pipeline import meaning, processes
from releases.pipeline.processes import Ailment
from releases.pipeline.service_state import (
    Object,
    Rules,
    ServiceState,
    ailing,
    ailment_key,
    available_new,
    ended,
    is_complete,
    is_deleted,
    is_edited,
    is_hopeless,
    is_paused,
    new_processes,
    patience,
    refusal,
    refusal_key,
)

__all__ = ["COMPLETE", "PROGRESSING", "Rules", "ServiceState", "Verdict", "assess", "is_complete", "patience"]

EXITS, EXITS_FIRST_DEPLOY = 2, 3


@dataclass(frozen=True)
class Verdict:
    """`status`: progressing, complete or failed; if failed, with cause, a sentence, a hint, and whose fault it is.

    `container`: the one in `process` whose last lines tell more.
    """

    status: str
    cause: str = ""
    reason: str = ""
    hint: str = ""
    service: str = ""
    process: str = ""
    container: str = ""


PROGRESSING = Verdict("progressing")
COMPLETE = Verdict("complete")


def assess(services: list[ServiceState], *, now: datetime, verifying: bool = False) -> Verdict:
    """The first doom found wins; complete only when every service is.

    `verifying`: all were complete before and are watched for a while: a liveness check kills only after completion.
    """
    judges: list[Callable[[ServiceState, datetime], Verdict | None]] = [_liveness] if verifying else []
    judges += [_exits, _ailments, _refusal, _meddled, _deadline]
    for judge in judges:
        for service in services:
            verdict = judge(service, now)
            if verdict:
                return verdict
    return COMPLETE if services and all(map(is_complete, services)) else PROGRESSING


# --- What its processes do ------------------------------------------------------------------------------------------


def _liveness(service: ServiceState, now: datetime) -> Verdict | None:
    """After completion the first kill dooms; while rolling it counts as an exit like any other."""
    for pod in new_processes(service):
        uid = processes.uid(pod)
        if service.kills.get(uid, 0) > service.kills_before.get(uid, 0):
            return _killed(service, pod, "")
    return None


def _killed(service: ServiceState, pod: Object, times: str) -> Verdict:
    return _doom(
        service,
        "liveness",
        f"{processes.name(pod)} was killed{times} because its liveness check failed.",
        f"Check what {service.name} answers at its liveness path, or give it more time.",
        pod,
        processes.failing(pod, ours=service.ours),
    )


def _exits(service: ServiceState, now: datetime) -> Verdict | None:
    """Also while the service is complete for the moment: a crash loop is, between any two crashes."""
    for pod in new_processes(service):
        count, last = ended(service, pod), processes.last_exit(pod, ours=service.ours)
        if count < service.rules.exits:
            continue
        times = {1: "once", 2: "twice"}.get(count, f"{count} times")
        if service.kills.get(processes.uid(pod), 0) >= service.rules.exits:
            return _killed(service, pod, f" {times}")
        return _doom(
            service,
            "out_of_memory" if last.get("reason") == "OOMKilled" else "exits",
            f"{processes.name(pod)} {processes.exit_words(last)}; it has ended {times}.",
            meaning.exit_hint(last.get("reason") or "", last.get("exitCode") or 0, service.name),
            pod,
            processes.failing(pod, ours=service.ours),
        )
    return None


def _ailments(service: ServiceState, now: datetime) -> Verdict | None:
    if is_complete(service):
        return None
    found = ailing(service)
    unlucky = [ailment for _, ailment in found if _may_be_bad_luck(ailment)]
    for pod, ailment in found:
        waited = (now - service.first_seen.get(ailment_key(pod, ailment), now)).total_seconds()
        if waited < patience(service, ailment):
            continue
        # One node's trouble is not the release's, where others run it well.
        alone = _may_be_bad_luck(ailment) and len(unlucky) < 2 and available_new(service) > 0
        if alone and waited < meaning.PATIENCE_SECONDS:
            continue
        words = ailment.message or ailment.reason
        reason = f"{processes.name(pod)} can't {meaning.TASK[ailment.family]}: {words}"
        hint = meaning.hint(ailment, service.name)
        return _doom(service, ailment.family, reason, hint, pod, ailment.container)
    return None


def _may_be_bad_luck(ailment: Ailment) -> bool:
    return ailment.family in ("pull", "start")


# --- What the cluster, or somebody, does to it ----------------------------------------------------------------------


def _refusal(service: ServiceState, now: datetime) -> Verdict | None:
    words = refusal(service)
    if not words or is_complete(service):
        return None
    refused = meaning.refusal(words, hopeless=is_hopeless(service))
    waited = (now - service.first_seen.get(refusal_key(service.name), now)).total_seconds()
    if waited < refused.seconds:
        return None
    return _doom(service, refused.cause, f"{service.name}: {words}", refused.hint)


def _meddled(service: ServiceState, now: datetime) -> Verdict | None:
    """Somebody else's hand: said at once, instead of waiting for what can't come."""
    if is_deleted(service):
        reason = f"The Deployment {service.name} was deleted by somebody while the release was rolled out."
        return _doom(service, "deleted", reason, "Find out who deleted it and why, then promote again.")
    if is_edited(service):
        reason = f"The Deployment {service.name} was changed by somebody: what it rolls out is not this release."
        hint = f"Change {service.name} by a release, not in the cluster; then promote again."
        return _doom(service, "edited", reason, hint)
    if is_paused(service) and not is_complete(service):
        reason = f"The Deployment {service.name} was paused by somebody: nothing of it can roll."
        return _doom(service, "paused", reason, "Find out who paused it and why, then promote again.")
    return None


def _deadline(service: ServiceState, now: datetime) -> Verdict | None:
    if is_complete(service) or (now - service.risen_at).total_seconds() < service.rules.deadline:
        return None
    limit = f"{service.rules.deadline} s"
    if doom := _impatient(service, limit):
        return doom
    waiting = [pod for pod in new_processes(service) if not processes.is_ready(pod)]
    if not waiting:
        reason = f"{service.name} made no progress within {limit}."
        return _doom(service, "never_ready", reason, "Look at the cluster's messages in the log.")
    pod = waiting[0]
    scheduled = processes.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        words = scheduled.get("message") or scheduled.get("reason") or "unschedulable"
        reason = f"{processes.name(pod)} found no place in the cluster within {limit}: {words}"
        return _doom(service, "unschedulable", reason, meaning.place_hint(words, service.name), pod)
    if preparing := processes.preparing(pod, ours=service.ours):
        reason = f"{processes.name(pod)} did not become ready within {limit}: its {preparing} container runs still."
        hint = f"Let the initContainer of {service.name} end sooner, or raise deployment.deadline."
        return _doom(service, "never_ready", reason, hint, pod, preparing)
    words = service.said.get(processes.uid(pod), "") or processes.waiting_words(pod, ours=service.ours)
    reason = f"{processes.name(pod)} did not become ready within {limit}" + (f": {words}" if words else ".")
    hint = f"Check the health check of {service.name}: its path, its port, and what the process answers."
    if not processes.runs(pod, ours=service.ours):
        hint = f"{service.name} was never got to run: the cluster's message says what it waits for."
    return _doom(service, "never_ready", reason, hint, pod, processes.failing(pod, ours=service.ours))


def _impatient(service: ServiceState, limit: str) -> Verdict | None:
    """What may heal has no time left to: it is the cause, not that nobody became ready."""
    if words := refusal(service):
        refused = meaning.refusal(words, hopeless=is_hopeless(service))
        return _doom(service, refused.cause, f"{service.name} got no new process within {limit}: {words}", refused.hint)
    for pod, ailment in ailing(service):
        told = ailment.message or ailment.reason
        reason = f"{processes.name(pod)} could not {meaning.TASK[ailment.family]} within {limit}: {told}"
        return _doom(service, ailment.family, reason, meaning.hint(ailment, service.name), pod, ailment.container)
    return None


def _doom(
    service: ServiceState, cause: str, reason: str, hint: str, pod: Object | None = None, container: str = ""
) -> Verdict:
    process = processes.name(pod) if pod else ""
    return Verdict("failed", cause, reason, hint, service.name, process, container)
