"""What follows for a service when its processes don't come: no progress, too few. Pure.

These are consequences: they are told behind their causes, and not at all of a start or a rollout that is on its way.
"""

from collections.abc import Iterator

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known, Object

# At rest a process that is replaced may take so long.
STILL_SECONDS = 60
ROLLED = "NewReplicaSetAvailable"


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    for service in reading.services:
        deployment = service.deployment
        if deployment is None or processes.is_ending(deployment):
            continue
        yield from _no_progress(service, deployment, known)
        if is_still(service, reading):
            yield from _too_few(service, deployment, known)


def is_still(service: Service, reading: Reading) -> bool:
    """Whether nothing has moved for longer than a start or a rollout may take; not if no time is known."""
    deployment = service.deployment or {}
    if not service_state.is_observed(service.state):
        return False
    if service.gave_up:
        return True
    seconds = _quiet_seconds(service, reading)
    if seconds is None:
        return False
    at_rest = processes.condition(deployment, "Progressing").get("reason") == ROLLED
    verified = (deployment.get("spec") or {}).get("minReadySeconds") or 0
    return seconds >= (STILL_SECONDS + verified if at_rest else max(service.deadline, STILL_SECONDS))


def _quiet_seconds(service: Service, reading: Reading) -> float | None:
    """Since the last sign of movement."""
    deployment = service.deployment or {}
    times = [processes.condition(deployment, "Progressing").get("lastUpdateTime")]
    times += [processes.condition(deployment, "Available").get("lastTransitionTime")]
    for obj in (deployment, service.current or {}, *service.pods):
        times.append((obj.get("metadata") or {}).get("creationTimestamp"))
    told = reading.told((deployment.get("metadata") or {}).get("uid", ""))
    times += [event.last for event in told if event.reason == "ScalingReplicaSet"]
    times += [processes.condition(pod, "Ready").get("lastTransitionTime") for pod in service.pods]
    ages = [age for age in map(reading.age, times) if age is not None]
    return min(ages, default=None)


def _no_progress(service: Service, deployment: Object, known: Known) -> Iterator[Finding]:
    if not service.gave_up or not service_state.is_observed(service.state):
        return
    if service_state.is_complete(service.state):
        return
    progressing = processes.condition(deployment, "Progressing")
    words = progressing.get("message") or "the cluster does not say why"
    seconds = (deployment.get("spec") or {}).get("progressDeadlineSeconds") or service.deadline
    yield Finding(
        "progress_deadline",
        Subject("service", service.name, service.name),
        f"{service.name} made no progress within its {seconds:.0f} s: {words}",
        f"See what its processes say; if they only need longer, raise deployment.deadline of {service.name}.",
        values={**_counts(deployment), "deadline": seconds, "message": progressing.get("message", "")},
        page=known.paths.get("processes", ""),
        since=progressing.get("lastTransitionTime", ""),
    )


def _too_few(service: Service, deployment: Object, known: Known) -> Iterator[Finding]:
    counts = _counts(deployment)
    wanted, available = counts["desired"], counts["available"]
    if available >= wanted:
        return
    words = f"{available} of {wanted} processes of {service.name} are available"
    if not available:
        words = (
            f"None of the {wanted} processes of {service.name} is available"
            if wanted > 1
            else (f"The only process of {service.name} is not available")
        )
    yield Finding(
        "too_few_available",
        Subject("service", service.name, service.name),
        f"{words}, and that does not change.",
        f"See what the processes of {service.name} say, and the cluster's events.",
        severity="warning" if available else "error",
        values=counts,
        command=ps(known),
        page=known.paths.get("processes", ""),
        since=processes.condition(deployment, "Available").get("lastTransitionTime", "") if not available else "",
    )


def ps(known: Known) -> str:
    """What lists the processes, for a terminal."""
    return "deployer ps" + (f" -a {known.app}" if known.app else "")


def _counts(deployment: Object) -> dict[str, int]:
    status = processes.status(deployment)
    counts = {key: status.get(f"{key}Replicas") or 0 for key in ("available", "ready", "updated")}
    return {"desired": service_state.replicas(deployment), **counts}
