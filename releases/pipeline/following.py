"""Turn what the cluster reports, and what is remembered of it, into the state of each service."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from releases.clients.mirror import View
from releases.models import Rollout
from releases.pipeline import event_log, health, manifests, processes, service_state
from releases.pipeline.event_log import EventLog, event_counts
from releases.pipeline.service_state import Rules, ServiceState
from releases.pipeline.squares import squares

__all__ = [
    "EventLog",
    "applied",
    "baseline",
    "deadline",
    "later",
    "log_of_events",
    "postponed",
    "progressed",
    "rules",
    "service_states",
    "squares",
    "time",
]

Object = dict[str, Any]


def log_of_events(rollout: Rollout, told: Mapping[str, int] | None = None) -> EventLog:
    """Knows what was told, and which processes were ours, before our first write: they may be gone by now; and our
    volumes, which are not watched.

    `told`: event uid → count, of those that earlier rollouts have told since the baseline, where it is inherited.
    """
    known = rollout.baseline or {}
    uids = [uid for service in known.get("services", {}).values() for uid in service.get("exits", {})]
    return EventLog({**known.get("events", {}), **(told or {})}, uids + rollout.progress.get("claims", []))


# --- What is judged -------------------------------------------------------------------------------------------------


def service_states(rollout: Rollout, view: View, *, first: bool) -> list[ServiceState]:
    """The services of the release that is rolled out; progress and baseline give what the cluster does not remember."""
    known = rollout.baseline or {}
    said = event_log.last_warnings(view.events)
    ending = any(map(processes.is_ending, view.pods))
    first_seen = {key: time(text) for key, text in rollout.progress.get("first_seen", {}).items()}
    before_it = rollout.previous.manifest if rollout.previous else None
    states = []
    for name in rollout.release.manifest["services"]:
        progress, ours = rollout.progress["services"][name], _ours(rollout, name)
        before = known.get("services", {}).get(name, {}).get("exits", {})
        unstarted = progress.get("unstarted", {})
        deployment = _deployment(view, name, progress)
        states.append(
            ServiceState(
                name=name,
                rules=rules(rollout.release.manifest, name, first=first, before=before_it),
                generation=progress["generation"],
                desired=progress["desired"],
                risen_at=time(progress["risen_at"]),
                deployment=deployment,
                replica_sets=_of_service(view.replica_sets, name),
                pods=_of_service(view.pods, name),
                template=progress.get("template", ""),
                seen="seen" in progress and progress["seen"] == progress.get("uid", progress["seen"]),
                ours=ours,
                exits_before={uid: before.get(uid, 0) + unstarted.get(uid, 0) for uid in {**before, **unstarted}},
                first_seen=first_seen,
                kills=event_log.liveness_kills(view.events, known.get("events", {}), ours=ours),
                kills_before=progress.get("kills", {}),
                ending=ending,
                said=said,
            )
        )
    return states


def rules(manifest: Object, name: str, *, first: bool, before: Object | None = None) -> Rules:
    """`before`: the manifest of what gives way."""
    service = manifest["services"][name]
    own = service["deployment"]
    return Rules(
        deadline=deadline(manifest, name, before=before) + manifests.verify_seconds(service),
        exits=own["exits"] or (health.EXITS_FIRST_DEPLOY if first else health.EXITS),
        pull=own["pull"],
        start=own["start"],
    )


def deadline(manifest: Object, name: str, *, before: Object | None = None) -> int:
    """Seconds; a process with a volume can't begin before the old one, of the manifest `before`, is gone: that has its
    own time to end."""
    service, seconds = manifest["services"][name], manifests.deadline_seconds(manifest, name)
    if not service["volumes"]:
        return seconds
    old = before["services"].get(name, service) if before else service
    return seconds + max(service["termination"]["grace"], old["termination"]["grace"])


def _deployment(view: View, name: str, progress: Object) -> Object | None:
    """The one that we wrote: one of the same name that somebody made in its place is not it."""
    found = next((obj for obj in view.deployments if obj["metadata"]["name"] == name), None)
    wanted = progress.get("uid") or progress.get("seen")
    return None if found and wanted and found["metadata"]["uid"] != wanted else found


def _ours(rollout: Rollout, name: str) -> frozenset[str]:
    """The containers that we wrote, as applied."""
    for obj in rollout.objects_applied or []:
        if obj["kind"] == "Deployment" and obj["metadata"]["name"] == name:
            spec = obj["spec"]["template"]["spec"]
            return frozenset(item["name"] for item in spec.get("initContainers", []) + spec["containers"])
    return processes.OURS


def _of_service(objects: list[Object], name: str) -> list[Object]:
    return [obj for obj in objects if processes.service(obj) == name]


# --- What is remembered ---------------------------------------------------------------------------------------------


def applied(known: Object, answer: Object) -> Object:
    """What to remember of one service after a write of its Deployment, besides what was `known`."""
    return {
        **known,
        "generation": answer["metadata"]["generation"],
        "desired": service_state.replicas(answer),
        "uid": answer["metadata"]["uid"],
        "template": service_state.template_digest(answer),
    }


def progressed(progress: Object, states: list[ServiceState], now: datetime) -> Object:
    """What to remember after this look: rises, first sightings, kills, and exits of programs that never began."""
    known_seen = progress.get("first_seen", {})
    verifying = "verify_until" in progress
    services = dict(progress["services"])
    seen: dict[str, str] = {}
    for state in states:
        known = services[state.name]
        services[state.name] = _looked(known, state, now, verifying=verifying)
        seen |= _sightings(known_seen, known, state, now)
    looked = {**progress, "services": services, "first_seen": seen}
    if not all(map(service_state.is_ready, states)):
        looked.pop("ready_since", None)
    elif "ready_since" not in progress:
        looked["ready_since"] = now.isoformat()  # from here on it is verified
    return looked


def postponed(progress: Object, seconds: float) -> Object:
    """Every clock of ours moved on by the time that the cluster was away: nothing can heal while nobody looks."""
    services = {
        name: {**known, "risen_at": later(known["risen_at"], seconds)} for name, known in progress["services"].items()
    }
    first_seen = {key: later(text, seconds) for key, text in progress.get("first_seen", {}).items()}
    moved = {**progress, "services": services, "first_seen": first_seen}
    if "verify_until" in progress:
        moved["verify_until"] = later(progress["verify_until"], seconds)
    return moved


def _looked(known: Object, state: ServiceState, now: datetime, *, verifying: bool) -> Object:
    available, new = service_state.available_new(state), service_state.new_processes(state)
    here = {processes.uid(pod) for pod in state.pods}
    ends = {processes.uid(pod): processes.exits(pod, ours=state.ours) for pod in new}
    looked = {
        **known,
        "highest": max(available, known["highest"]),
        "risen_at": now.isoformat() if available > known["highest"] else known["risen_at"],
        "ready": sum(map(processes.is_ready, new)),
        "made": len(new),
        "ends": _of(here, known.get("ends", {})) | ends,
        "unstarted": _of(here, known.get("unstarted", {})) | _unstarted(known, state, new),
    }
    if not verifying:
        looked["kills"] = _of(here, state.kills)
    if state.deployment is not None and (state.deployment["metadata"].get("generation") or 0) >= state.generation > 0:
        looked["seen"] = state.deployment["metadata"]["uid"]
    return looked


def _of(uids: set[str], counts: Mapping[str, int]) -> dict[str, int]:
    return {uid: number for uid, number in counts.items() if uid in uids}


def _unstarted(known: Object, state: ServiceState, new: list[Object]) -> dict[str, int]:
    """Pod uid → how many of its exits were none: its program never began. The cluster counts them all alike."""
    counts = {}
    for pod in new:
        uid = processes.uid(pod)
        before = known.get("ends", {}).get(uid, state.exits_before.get(uid, 0))
        more = processes.exits(pod, ours=state.ours) - before
        if more > 0 and processes.last_exit(pod, ours=state.ours).get("reason") in processes.NOT_ENDED:
            counts[uid] = known.get("unstarted", {}).get(uid, 0) + more
    return counts


def _sightings(known_seen: Object, known: Object, state: ServiceState, now: datetime) -> dict[str, str]:
    """Since when what ails is seen. An ailment may hide for a moment (ErrImagePull, ImagePullBackOff, ErrImagePull);
    it is over when the container runs, and a refusal when a new process was made.
    """
    ailing = service_state.ailing(state)
    stuck = {processes.uid(pod) for pod in state.pods if not processes.runs(pod, ours=state.ours)}
    stuck |= {processes.uid(pod) for pod, _ in ailing}
    seen = {key: text for key, text in known_seen.items() if key.split("/")[0] in stuck}
    for pod, ailment in ailing:
        seen.setdefault(service_state.ailment_key(pod, ailment), now.isoformat())
    if service_state.refusal(state):
        key = service_state.refusal_key(state.name)
        more = len(service_state.new_processes(state)) > known.get("made", 0)
        seen[key] = now.isoformat() if more else known_seen.get(key, now.isoformat())
    return seen


def baseline(
    view_of_services: dict[str, tuple[Object | None, list[Object]]],
    events: list[Object],
    *,
    ours: Collection[str] = processes.OURS,
) -> Object:
    """What runs before our first write: service → its Deployment and pods; and the events told before."""
    services = {}
    for name, (deployment, pods) in view_of_services.items():
        services[name] = {
            "desired": service_state.replicas(deployment) if deployment else 0,
            "available": processes.status(deployment or {}).get("availableReplicas") or 0,
            "exits": {processes.uid(pod): processes.exits(pod, ours=ours) for pod in pods},
        }
    return {"services": services, "events": event_counts(events)}


def time(text: str) -> datetime:
    return parse_datetime(text) or timezone.now()


def later(text: str, seconds: float) -> str:
    """The time in `text`, moved on."""
    return (time(text) + timedelta(seconds=seconds)).isoformat()
