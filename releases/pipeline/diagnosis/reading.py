"""What is read of an app before anything is found: its services, its commands, what was told of each object. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from releases.pipeline import event_log, manifests, processes, service_state
from releases.pipeline.diagnosis import belonging
from releases.pipeline.diagnosis.belonging import Part
from releases.pipeline.diagnosis.finding import Told
from releases.pipeline.diagnosis.reported import Known, LogOf, Object, Reported
from releases.pipeline.diagnosis.shapes import tamed
from releases.pipeline.service_state import Rules, ServiceState

PROGRESS_SECONDS = 600  # Kubernetes' default of progressDeadlineSeconds
DEADLINE_LEAST, UNSEEN_SECONDS = 10.0, 10.0
LINES_READ, LINE_READ = 100, 1000  # of each log
AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Service:
    """`part`: its objects. `current`: its newest ReplicaSet, None while that is not known. `deadline`: seconds without
    progress after which its rollout is over. `state`: as a verdict reads it. `just_changed`: a moment ago, and its
    controller has not seen it yet."""

    part: Part
    current: Object | None
    deadline: float
    state: ServiceState
    just_changed: bool = False

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def deployment(self) -> Object | None:
        return self.part.deployment

    @property
    def pods(self) -> list[Object]:
        return self.part.pods

    @property
    def gave_up(self) -> bool:
        """Kubernetes itself has waited long enough."""
        progressing = processes.condition(self.deployment or {}, "Progressing")
        return progressing.get("status") == "False" and progressing.get("reason") == "ProgressDeadlineExceeded"

    def is_new(self, pod: Object) -> bool:
        """Of the version that is wanted now. Where that is not known, any may be."""
        if self.current is None:
            return self.deployment is None or service_state.is_observed(self.state)
        return service_state.owner(pod) == self.current["metadata"]["uid"]

    def lets_go(self, pod: Object) -> bool:
        """An old process of which the cluster wants none any more, or will in a moment: it has just been told."""
        if self.is_new(pod):
            return False
        if self.current is None:
            return self.just_changed
        maker = service_state.owner(pod)
        sets = (it for it in self.part.replica_sets if it["metadata"]["uid"] == maker)
        return any(service_state.replicas(it) == 0 for it in sets)


@dataclass(frozen=True)
class Command:
    """A Job with its processes, the oldest first. `kind`: release, timer, run, or job: nobody knows whose."""

    job: Object
    kind: str
    pods: list[Object]
    ours: frozenset[str]

    @property
    def name(self) -> str:
        return str(self.job["metadata"]["name"])


@dataclass(frozen=True)
class Reading:
    """`reported`: of which every field that is read has its type. `events`: object uid → those about it, the oldest
    first."""

    now: datetime
    reported: Reported
    services: tuple[Service, ...] = ()
    commands: tuple[Command, ...] = ()
    events: Mapping[str, list[Object]] = field(default_factory=dict)

    def told(self, uid: str) -> tuple[Told, ...]:
        """The oldest first."""
        return tuple(map(told, self.events.get(uid, [])))

    def age(self, time: object) -> float | None:
        """Seconds since a time of the cluster; None if it is none."""
        then = moment(time)
        return None if then is None else max(0.0, (self.now - then).total_seconds())

    def lines(self, pod: Object, container: str, *, previous: bool) -> tuple[str, ...]:
        """The last that it wrote, as far as they were read."""
        found = self.reported.logs.get(LogOf(processes.name(pod), container, previous)) or ()
        return tuple(line[:LINE_READ] for line in found[-LINES_READ:] if isinstance(line, str))


def read(reported: Reported, known: Known) -> Reading:
    """May be given what is tame already."""
    reported = tamed(reported)
    now = _now(reported)
    ending = any(map(processes.is_ending, reported.pods))
    services = tuple(_service(part, now, ending) for part in belonging.parts(reported, known))
    return Reading(now, reported, services, tuple(_commands(reported)), _by_object(reported.events))


def _now(reported: Reported) -> datetime:
    """Nothing is told before it happens: a clock behind the cluster's is put forward."""
    now = reported.now if reported.now.tzinfo else reported.now.replace(tzinfo=UTC)
    times = filter(None, (moment(last_told(event)) for event in reported.events))
    return max([now, *(time for time in times if time - now < AHEAD)])


def moment(time: object) -> datetime | None:
    """A time as the cluster writes it."""
    if not isinstance(time, str) or not time:
        return None
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def told(event: Object) -> Told:
    about = event.get("involvedObject") or {}
    return Told(
        about.get("name") or "",
        event.get("reason") or "",
        event_log.words(event),
        event.get("type") or "",
        event_log.count(event),
        last_told(event),
    )


def last_told(event: Object) -> str:
    """The scheduler's events have no lastTimestamp."""
    series = (event.get("series") or {}).get("lastObservedTime")
    times = (event.get("lastTimestamp"), series, event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return next(filter(None, times), "")


# --- Services -------------------------------------------------------------------------------------------------------


def _service(part: Part, now: datetime, ending: bool) -> Service:
    deployment = part.deployment or {}
    seconds = (deployment.get("spec") or {}).get("progressDeadlineSeconds")
    deadline = max(DEADLINE_LEAST, float(PROGRESS_SECONDS if seconds is None else seconds))
    state = ServiceState(
        name=part.name,
        rules=Rules(deadline=int(deadline), exits=1),
        generation=(deployment.get("metadata") or {}).get("generation") or 0,
        desired=service_state.replicas(deployment) if deployment else 0,
        risen_at=now,
        deployment=part.deployment,
        replica_sets=part.replica_sets,
        pods=part.pods,
        ours=part.ours({"metadata": {}}),
        ending=ending,
    )
    current, observed = service_state.current_replica_set(state), service_state.is_observed(state)
    return Service(part, current, deadline, state, not observed and _is_fresh(deployment, now))


def _is_fresh(deployment: Object, now: datetime) -> bool:
    """Whether it was written a moment ago. One that says nothing of when counts as that: the moment is short."""
    entries = (deployment.get("metadata") or {}).get("managedFields")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    times = [moment(entry.get("time")) for entry in entries if not entry.get("subresource")]
    written = max((time for time in times if time), default=now)
    return (now - written).total_seconds() < UNSEEN_SECONDS


# --- Commands -------------------------------------------------------------------------------------------------------


def _commands(reported: Reported) -> Iterable[Command]:
    pods: dict[str, list[Object]] = {}
    for pod in sorted(reported.pods, key=lambda pod: pod["metadata"]["creationTimestamp"]):
        pods.setdefault(service_state.owner(pod), []).append(pod)
    for job in reported.jobs:
        spec = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
        names = [
            item["name"] for key in ("initContainers", "containers") for item in spec.get(key) or [] if "name" in item
        ]
        yield Command(job, _kind(job), pods.get(job["metadata"]["uid"], []), frozenset(names) or processes.OURS)


def _kind(job: Object) -> str:
    labels = job["metadata"].get("labels") or {}
    if labels.get(manifests.TIMER):
        return "timer"
    if labels.get(manifests.RUN):
        return "run"
    ours = labels.get(manifests.MANAGED_BY) == manifests.MANAGER
    return "release" if ours and re.fullmatch(r"release-\d+", job["metadata"]["name"]) else "job"


# --- Events ---------------------------------------------------------------------------------------------------------


def _by_object(events: Iterable[Object]) -> dict[str, list[Object]]:
    """Also where an event knows its object by name alone: then under `kind/name`."""
    found: dict[str, list[Object]] = {}
    for event in sorted(events, key=lambda event: last_told(event)[:19]):
        about = event.get("involvedObject") or {}
        uid = about.get("uid") or f"{about.get('kind', '')}/{about.get('name', '')}"
        found.setdefault(uid, []).append(event)
    return found
