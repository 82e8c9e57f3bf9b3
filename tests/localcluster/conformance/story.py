"""What a watch tells, as a trajectory for every object: what its conditions, containers, counters went through.

A trajectory has facets. Two writes of different facets may come in one or in two changes, for the real cluster's
writers are separate programs; within a facet the order is exact. A facet is a list of plain texts.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest

from tests.localcluster.conformance import fields
from tests.localcluster.conformance.recording import Change, Object
from tests.localcluster.conformance.words import Words


class Rule(Enum):
    """How two runs of the same facet compare."""

    ORDER = "each step from one to the next, in order of its first occurrence; so a loop may turn more or less often"
    TURNS = "as ORDER, of the turning points: several pods' steps may come in one write or in many"
    TOUCHED = "as ORDER, of none or some: how many pods overlap is a matter of their speed"
    SET = "what occurred at all"
    PREFIX = "one is the beginning of the other: a loop may turn more or less often"


@dataclass
class Facet:
    rule: Rule
    elements: list[str] = field(default_factory=list)

    def add(self, element: str) -> None:
        if self.rule is Rule.SET:
            if element not in self.elements:
                self.elements.append(element)
        elif not self.elements or self.elements[-1] != element:
            self.elements.append(element)


Trajectory = dict[str, Facet]


@dataclass
class Story:
    """Trajectories by the role that the object plays; a ReplicaSet's or a Job's pods play the same one."""

    roles: dict[str, list[Trajectory]] = field(default_factory=dict)


FIELDS = "fields"
# A status is written now and then: that a program has ended may be over by then (oom-killed has both).
# Its exit is in the last state.
BACKS_OFF = "waiting CrashLoopBackOff"
COUNTERS = {
    "Deployment": ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
    "ReplicaSet": ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
    "Job": ("active", "ready", "succeeded", "failed"),
}
# A controller's first look at a new ReplicaSet is before or after its first pod.
FRESH = ("updatedReplicas",)
OVERLAPS = {
    "Deployment": ("unavailableReplicas", "terminatingReplicas"),
    "ReplicaSet": ("terminatingReplicas",),
    "Job": ("terminating",),
}

# Whether a probe comes before the program listens, or after it has crashed, is a race that both clusters have: real
# recordings of the same start have it or not. It is left out when it is said in Go's words, else it is a difference.
RACES = re.compile(
    r'Warning Unhealthy: Readiness probe failed: Get "http://[\d.]+:\d+/health": '
    r"(dial tcp [\d.]+:\d+: connect: connection refused|EOF|read tcp \S+: read: connection reset by peer)"
    r" \(spec\.containers\{web\}\)"
)


def tell(changes: Iterable[Change]) -> Story:
    teller = Teller()
    for change in changes:
        teller.hear(change)
    return teller.story()


class Teller:
    """Hears changes and tells the story so far.

    Watches of different kinds are not in step: a name may be read before its object is seen. So texts are kept as
    they come, and freed of names when the story is told.
    """

    def __init__(self) -> None:
        self.words = Words()
        self._heard: dict[str, tuple[str, Trajectory]] = {}
        self._events: dict[str, dict[str, _Event]] = {}
        self._endpoints: dict[str, Facet] = {}

    def hear(self, change: Change) -> None:
        self.words.learn(change.kind, change.object)
        if change.kind == "Event":
            self._hear_event(change.object)
            return
        trajectory = self._heard.setdefault(change.object["metadata"]["uid"], (_role(change), {}))[1]
        for facet, rule, element in _facets(change):
            trajectory.setdefault(facet, Facet(rule)).add(element)
        if change.kind == "EndpointSlice":
            self._hear_endpoints(change.object)

    def story(self) -> Story:
        found = {uid: (role, self._plain(trajectory)) for uid, (role, trajectory) in self._heard.items()}
        for uid, events in self._events.items():
            unseen = next(iter(events.values())).about, Trajectory()
            self._tell_events(found.setdefault(uid, unseen)[1], events.values())
        for uid, endpoint in self._endpoints.items():
            if uid in found:
                found[uid][1]["endpoint"] = endpoint
        story = Story()
        for role, trajectory in found.values():
            story.roles.setdefault(self.words.plain(role), []).append(trajectory)
        return story

    def _plain(self, trajectory: Trajectory) -> Trajectory:
        plain = {}
        for name, facet in trajectory.items():
            free = self.words.plain if name == FIELDS else self.words.message
            plain[name] = Facet(facet.rule)
            for element, later in zip_longest(facet.elements, facet.elements[1:], fillvalue=""):
                if not (element.startswith("terminated") and later.startswith(BACKS_OFF)):
                    plain[name].add(free(element))
        return plain

    # Events

    def _hear_event(self, event: Object) -> None:
        about = event["involvedObject"]
        component = (event.get("source") or {}).get("component") or event.get("reportingComponent") or "nobody"
        where = f" ({about['fieldPath']})" if about.get("fieldPath") else ""
        text = f"{event['type']} {event['reason']}: {event['message']}{where}"
        if not RACES.fullmatch(text):
            known = self._events.setdefault(about["uid"], {}).setdefault(
                event["metadata"]["uid"], _Event(f"{about['kind']} {about['name']} (never seen)", component, text)
            )
            known.count = event.get("count") or 1
            known.paths.update(dict.fromkeys(fields.paths(event)))

    def _tell_events(self, trajectory: Trajectory, events: Iterable["_Event"]) -> None:
        counts: dict[str, list[int]] = {}
        for event in events:
            text = self.words.message(event.text)
            facet = trajectory.setdefault(f"events of {event.component}", Facet(Rule.ORDER))
            if text not in facet.elements:
                facet.add(text)
            paths = trajectory.setdefault(f"event fields of {event.component}", Facet(Rule.SET))
            for path in event.paths:
                paths.add(path)
            counts.setdefault(text, []).append(event.count)
        for text, numbers in counts.items():
            many = "several Events" if len(numbers) > 1 else "one Event"
            often = "counted up" if max(numbers) > 1 else "once"
            trajectory.setdefault("repeats", Facet(Rule.SET)).add(f"{text}: {many}, {often}")

    # Endpoints

    def _hear_endpoints(self, endpoint_slice: Object) -> None:
        """A pod's place behind a Service; that it is not ready at first may be over before anybody looks."""
        states = {
            endpoint["targetRef"]["uid"]: [name for name, value in endpoint["conditions"].items() if value]
            for endpoint in endpoint_slice.get("endpoints") or []
        }
        for uid, names in states.items():
            if names or uid in self._endpoints:
                self._endpoints.setdefault(uid, Facet(Rule.ORDER)).add(", ".join(names) or "not ready")
        for uid, facet in self._endpoints.items():
            if uid not in states:
                facet.add("gone")


@dataclass
class _Event:
    about: str
    component: str
    text: str
    count: int = 1
    paths: dict[str, None] = field(default_factory=dict)


def _role(change: Change) -> str:
    meta = change.object["metadata"]
    owner = next(iter(meta.get("ownerReferences") or []), None)
    if owner and change.kind in ("Pod", "EndpointSlice"):
        return f"{change.kind} of {owner['kind']} {owner['name']}"
    return f"{change.kind} {meta['name']}"


def _facets(change: Change) -> Iterator[tuple[str, Rule, str]]:
    obj, kind = change.object, change.kind
    yield "life", Rule.ORDER, _life(change)
    if kind != "EndpointSlice":  # which counts how its endpoints' changes came together
        yield "generation", Rule.ORDER, str(obj["metadata"].get("generation", "none"))
    if kind in ("Deployment", "ReplicaSet"):
        yield "spec.replicas", Rule.ORDER, str(obj["spec"]["replicas"])
    if change.type != "DELETED":
        for line in fields.lines(obj):
            yield FIELDS, Rule.SET, line
    yield from _status(kind, obj.get("status") or {}, most=_most(obj))


def _life(change: Change) -> str:
    meta = change.object["metadata"]
    finalizers = f" with {', '.join(meta['finalizers'])}" if meta.get("finalizers") else ""
    if change.type == "DELETED":
        return "gone"
    if meta.get("deletionTimestamp"):
        return f"deleted with grace {meta.get('deletionGracePeriodSeconds')}{finalizers}"
    return f"exists{finalizers}"


def _most(obj: Object) -> float:
    """What a Deployment's counters may count, for all recorded ones have a surge of one.

    They are sums of its ReplicaSets' counters, which are written one after the other: for a moment they can count
    a pod of the one that is up already and one of the other that is not yet down.
    """
    return float(obj["spec"]["replicas"] + 1) if obj["kind"] == "Deployment" else float("inf")


def _status(kind: str, status: Object, most: float) -> Iterator[tuple[str, Rule, str]]:
    for condition in status.get("conditions") or []:
        parts = [condition["status"], condition.get("reason", ""), condition.get("message", "")]
        yield f"condition {condition['type']}", Rule.ORDER, " ".join(part for part in parts if part)
    if "observedGeneration" in status:
        yield "observedGeneration", Rule.ORDER, str(status["observedGeneration"])
    for name in COUNTERS.get(kind, ()):
        if name not in FRESH or status.get(name):
            yield name, Rule.TURNS, f"{min(status.get(name, 0), most):g}"
    for name in OVERLAPS.get(kind, ()):
        yield name, Rule.TOUCHED, "some" if status.get(name) else "none"
    if kind == "Pod":
        yield "phase", Rule.ORDER, status["phase"]
        for container in status.get("containerStatuses") or []:
            yield from _container(container)


def _container(status: Object) -> Iterator[tuple[str, Rule, str]]:
    name = f"container {status['name']}"
    yield f"{name}: state", Rule.ORDER, _state(status["state"])
    yield f"{name}: last state", Rule.ORDER, _state(status["lastState"])
    yield f"{name}: ready", Rule.ORDER, str(status["ready"])
    yield f"{name}: started", Rule.ORDER, str(status.get("started"))
    yield f"{name}: restarts", Rule.PREFIX, str(status["restartCount"])


def _state(state: Object) -> str:
    for name, about in state.items():
        code = [f"exit code {about['exitCode']}"] if "exitCode" in about else []
        return " ".join([name, *code, about.get("reason", ""), about.get("message", "")]).strip()
    return "none"
