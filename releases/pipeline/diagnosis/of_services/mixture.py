"""Processes of two releases of one service, side by side for longer than a rollout may take. Pure."""

from collections.abc import Iterator

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.of_services.availability import STILL_SECONDS
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    for service in reading.services:
        counts = _versions(service)
        if len(counts) < 2 or not _for_long(service, reading, known):
            continue
        shown = " and ".join(f"{count} of {release}" for release, count in counts.items())
        rolling = known.rollout is not None and not known.rollout.is_over
        yield Finding(
            "versions_mixed",
            Subject("service", service.name, service.name),
            f"{service.name} runs two versions at once, and that does not change: {shown}.",
            "See why the new processes are not ready, or abort the rollout."
            if rolling
            else "Promote the release that you want: that replaces the processes of the other.",
            severity="warning",
            values={"processes": counts},
            command=_command(known, rolling),
            page=known.paths.get("rollout" if rolling else "app", ""),
        )


def _versions(service: Service) -> dict[str, int]:
    """Release → how many processes that stay; of those without a label the ReplicaSet, most first."""
    names = {obj["metadata"]["uid"]: obj["metadata"]["name"] for obj in service.part.replica_sets}
    counts: dict[str, int] = {}
    for pod in service.pods:
        if processes.is_going(pod) or processes.is_over(pod):
            continue
        version = processes.release(pod) or names.get(service_state.owner(pod), "")
        if version:
            counts[version] = counts.get(version, 0) + 1
    return dict(sorted(counts.items(), key=lambda found: (-found[1], found[0])))


def _for_long(service: Service, reading: Reading, known: Known) -> bool:
    """No newer process for longer than a rollout waits for the next; if none runs, than a process needs to end."""
    if service.gave_up:
        return True
    ages = [reading.age(pod["metadata"]["creationTimestamp"]) for pod in service.pods]
    youngest = min((age for age in ages if age is not None), default=None)
    over = known.rollout is not None and known.rollout.is_over
    return youngest is not None and youngest >= (STILL_SECONDS if over else max(service.deadline, STILL_SECONDS))


def _command(known: Known, rolling: bool) -> str:
    if not known.app or (rolling and known.rollout is None) or not (rolling or known.active):
        return ""
    if rolling and known.rollout is not None:
        return f"deployer rollouts abort {known.rollout.number} -a {known.app}"
    return f"deployer releases promote {known.active} -a {known.app}"
