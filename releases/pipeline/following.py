"""Turn what the cluster reports into log lines, the state of each service, and squares."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from releases.clients.mirror import View
from releases.logs import Line
from releases.models import Rollout
from releases.pipeline import health, manifests, processes
from releases.pipeline.health import Rules, ServiceState

Object = dict[str, Any]
UNKNOWN_FOR = timedelta(seconds=1)


class EventLog:
    """Which events have been told. A worker that takes over starts anew: the log drops what it has by source key."""

    def __init__(self, baseline: dict[str, int]) -> None:
        self.told = dict(baseline)
        self.ours: set[str] = set()
        self.unknown: dict[str, datetime] = {}

    def lines(self, view: View, now: datetime) -> list[Line]:
        """A line for each new event about an object of ours; of repeats the first and each doubling."""
        for obj in view.deployments + view.replica_sets + view.pods + view.jobs:
            self.ours.add(obj["metadata"]["uid"])
        fresh = [event for event in view.events if self._is_news(event, now)]
        fresh.sort(key=_when)
        for event in fresh:
            self.told[event["metadata"]["uid"]] = count(event)
        return [_line(event) for event in fresh]

    def _is_news(self, event: Object, now: datetime) -> bool:
        uid = event["metadata"]["uid"]
        told = self.told.get(uid, 0)
        if told and count(event) < 2 * told:
            return False
        if event["involvedObject"].get("uid") in self.ours:
            return True
        # Its object may reach us a moment later; a stranger's never does.
        since = self.unknown.setdefault(uid, now)
        if now - since > UNKNOWN_FOR:
            self.told[uid] = count(event)
        return False


def count(event: Object) -> int:
    """The scheduler's events carry none."""
    return event.get("count") or (event.get("series") or {}).get("count") or 1


def event_counts(events: list[Object]) -> dict[str, int]:
    return {event["metadata"]["uid"]: count(event) for event in events}


def service_states(rollout: Rollout, view: View, *, first: bool) -> list[ServiceState]:
    """The services of the release that is rolled out; progress and baseline give what the cluster does not remember."""
    baseline = (rollout.baseline or {}).get("services", {})
    progress = rollout.progress
    first_seen = {key: time(text) for key, text in progress.get("first_seen", {}).items()}
    told = (rollout.baseline or {}).get("events", {})
    kills = frozenset(
        event["involvedObject"].get("uid", "")
        for event in view.events
        if event.get("reason") == "Killing"
        and "failed liveness probe" in (event.get("message") or "")
        and count(event) > told.get(event["metadata"]["uid"], 0)
    )
    states = []
    for name in rollout.release.manifest["services"]:
        known = progress["services"][name]
        states.append(
            ServiceState(
                name=name,
                rules=rules(rollout.release.manifest, name, first=first),
                generation=known["generation"],
                desired=known["desired"],
                risen_at=time(known["risen_at"]),
                deployment=next((obj for obj in view.deployments if obj["metadata"]["name"] == name), None),
                replica_sets=_of_service(view.replica_sets, name),
                pods=_of_service(view.pods, name),
                exits_before=baseline.get(name, {}).get("exits", {}),
                first_seen=first_seen,
                liveness_kills=kills,
            )
        )
    return states


def rules(manifest: Object, name: str, *, first: bool) -> Rules:
    service = manifest["services"][name]
    own = service["deployment"]
    return Rules(
        deadline=manifests.deadline_seconds(manifest, name) + manifests.verify_seconds(service),
        exits=own["exits"] or (health.EXITS_FIRST_DEPLOY if first else health.EXITS),
        pull=own["pull"],
        start=own["start"],
    )


def progressed(progress: Object, states: list[ServiceState], now: datetime) -> Object:
    """What to remember after this look: the highest number of available processes, since when, and first sightings."""
    services = {}
    seen: dict[str, str] = {}
    known_seen = progress.get("first_seen", {})
    for state in states:
        known = progress["services"][state.name]
        available = health.available_new(state)
        risen = available > known["highest"]
        services[state.name] = {
            **known,
            "highest": max(available, known["highest"]),
            "risen_at": now.isoformat() if risen else known["risen_at"],
            "ready": sum(processes.is_ready(pod) for pod in health.new_processes(state)),
        }
        keys = [health.ailment_key(pod, ailment) for pod, ailment in health.ailing(state)]
        if health.refusal(state):
            keys.append("refused")
        seen |= {key: known_seen.get(key, now.isoformat()) for key in keys}
    # What was once seen stays: an ailment may come and go (ErrImagePull, ImagePullBackOff, ErrImagePull).
    return {**progress, "services": services, "first_seen": {**known_seen, **seen}}


def baseline(view_of_services: dict[str, tuple[Object | None, list[Object]]], events: list[Object]) -> Object:
    """What runs before our first write: service → its Deployment and pods; and the events told before."""
    services = {}
    for name, (deployment, pods) in view_of_services.items():
        status = (deployment or {}).get("status", {})
        services[name] = {
            "desired": deployment["spec"].get("replicas", 1) if deployment else 0,
            "available": status.get("availableReplicas", 0),
            "exits": {processes.uid(pod): processes.exits(pod) for pod in pods},
        }
    return {"services": services, "events": event_counts(events)}


def squares(rollout: Rollout, view: View) -> list[Object]:
    """One per process, for pages: the old ones grey, the new ones as they fare."""
    wanted = rollout.previous_id if rollout.status == "rolling_back" else rollout.release_id
    before = {
        uid: exits
        for service in (rollout.baseline or {}).get("services", {}).values()
        for uid, exits in service["exits"].items()
    }
    found = []
    for pod in view.pods:
        if not processes.service(pod):
            continue
        state = processes.state(pod, exits_before=before.get(processes.uid(pod), 0))
        old = processes.release(pod) != wanted
        ailment = processes.ailment(pod)
        found.append(
            {
                "service": processes.service(pod),
                "name": processes.name(pod),
                "state": "old" if old and state in ("ready", "starting") else state,
                "release": processes.release(pod),
                "note": ailment.reason if ailment else "",
            }
        )
    return sorted(found, key=lambda square: (square["service"], square["state"] == "old", square["name"]))


def _of_service(objects: list[Object], name: str) -> list[Object]:
    return [obj for obj in objects if processes.service(obj) == name]


def _line(event: Object) -> Line:
    message = " ".join((event.get("message") or event.get("reason") or "").split())
    key = f"{event['metadata']['uid']} {count(event)}"
    return Line(f"system/k8s/{event['involvedObject'].get('name', '?')}", message, source_key=key)


def _when(event: Object) -> tuple[str, int]:
    """By the cluster's own clock, to the second; then by version, where those are numbers."""
    metadata = event["metadata"]
    time = event.get("lastTimestamp") or (event.get("eventTime") or "")[:19] + "Z"
    if len(time) < 20:
        time = metadata.get("creationTimestamp") or ""
    version = metadata.get("resourceVersion", "")
    return time, int(version) if version.isdigit() else 0


def time(text: str) -> datetime:
    return parse_datetime(text) or timezone.now()


def later(text: str, seconds: float) -> str:
    """The time in `text`, moved on."""
    return (time(text) + timedelta(seconds=seconds)).isoformat()
