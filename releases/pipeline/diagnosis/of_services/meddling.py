"""Somebody else's hand: a Deployment of the release that was deleted, edited or paused. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from releases.pipeline import processes, remains, service_state
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading, Service
from releases.pipeline.diagnosis.reported import Known, Object

# Of lists that are read one after the other the first may miss what the next has.
READ_SECONDS = 10
# The Deployments may still be those of the release before, or are being put back.
NOT_YET = ("queued", "releasing", "rolling_back")


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    if "Deployment" in reading.reported.unread:
        return
    for service in reading.services:
        yield from _deleted(service, reading, known)
        if service.deployment is not None:
            yield from _edited(service, service.deployment, known)
            yield from _paused(service, service.deployment, known)


def _deleted(service: Service, reading: Reading, known: Known) -> Iterator[Finding]:
    how = _how_deleted(service, reading, known)
    if how:
        metadata = (service.deployment or {}).get("metadata") or {}
        yield Finding(
            "deployment_deleted",
            Subject("service", service.name, service.name),
            f"The Deployment {service.name} {how}.",
            "Find out who deleted it and why, then promote the release again.",
            values={"deleted_at": metadata.get("deletionTimestamp", ""), "left": len(service.pods)},
            command=_promote(known),
            page=known.paths.get("app", ""),
            since=metadata.get("deletionTimestamp", ""),
        )


def _how_deleted(service: Service, reading: Reading, known: Known) -> str:
    """In words; "" of one that is there, or that Deployer itself takes away."""
    rollout, written = known.rollout, known.written.get(service.name) or {}
    if rollout is not None and rollout.status == "rolling_back":
        return ""
    if known.manifest is not None and service.name not in (known.manifest.get("services") or {}):
        return ""
    if service.deployment is None:
        gone = _is_expected(known, written) or any(_is_left(obj, reading) for obj in service.part.replica_sets)
        return "is gone: somebody deleted it" if gone else ""
    if processes.is_ending(service.deployment):
        return "is being deleted by somebody, and its processes with it"
    uid = written.get("uid")
    if uid and written.get("seen") in (None, uid) and service.deployment["metadata"]["uid"] != uid:
        return "was deleted by somebody, and another was made in its place"
    return ""


def _is_left(obj: Object, reading: Reading) -> bool:
    return processes.is_ending(obj) or (reading.age(obj["metadata"]["creationTimestamp"]) or 0) > READ_SECONDS


def _is_expected(known: Known, written: Mapping[str, Any]) -> bool:
    """Whether a Deployment of the release must be there by now."""
    rollout = known.rollout
    if rollout is not None and rollout.status in ("rolling", "paused"):
        return bool(written.get("seen"))
    if rollout is not None and (rollout.status in NOT_YET or rollout.restored is False):
        return False
    return bool(known.active) and known.active == known.release


def _edited(service: Service, deployment: Object, known: Known) -> Iterator[Finding]:
    written = known.written.get(service.name) or {}
    template, generation = written.get("template"), written.get("generation")
    metadata = deployment["metadata"]
    if not template or not isinstance(generation, int) or written.get("uid") not in (None, metadata["uid"]):
        return
    if known.rollout is not None and known.rollout.status in NOT_YET:
        return
    now = metadata.get("generation") or 0
    if processes.is_ending(deployment) or now <= generation:
        return
    if service_state.template_digest(deployment) == template:
        return
    rolling = known.rollout is not None and known.rollout.status in ("rolling", "paused")
    broken = rolling or not service_state.is_complete(service.state)
    by = remains.strangers(deployment)
    who = f"somebody with {', '.join(by)}" if by else "somebody"
    yield Finding(
        "deployment_edited",
        Subject("service", service.name, service.name),
        f"The Deployment {service.name} was changed by {who}: what it runs is not {known.release or 'the release'}.",
        f"Change {service.name} by a release, not in the cluster; then promote again.",
        severity="error" if broken else "warning",
        values={"generation": now, "written": generation, "images": _images(deployment), "managers": by},
        command=_promote(known),
        page=known.paths.get("app", ""),
    )


def _paused(service: Service, deployment: Object, known: Known) -> Iterator[Finding]:
    if not (deployment.get("spec") or {}).get("paused") or processes.is_ending(deployment):
        return
    stuck = not service_state.is_complete(service.state)
    namespace = deployment["metadata"].get("namespace", "")
    yield Finding(
        "deployment_paused",
        Subject("service", service.name, service.name),
        f"The Deployment {service.name} was paused by somebody: nothing of it can roll.",
        "Find out who paused it and why; a promote resumes it.",
        severity="error" if stuck else "warning",
        values={"paused": True},
        command=f"kubectl rollout resume deployment/{service.name}" + (f" -n {namespace}" if namespace else ""),
        page=known.paths.get("app", ""),
    )


def _images(deployment: Object) -> dict[str, str]:
    spec = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return {item["name"]: item.get("image", "") for item in spec.get("containers") or [] if item.get("name")}


def _promote(known: Known) -> str:
    release = known.active or known.release
    return f"deployer releases promote {release} -a {known.app}" if release and known.app else ""
