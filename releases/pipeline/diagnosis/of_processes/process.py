"""One process that is looked at, with all that is known of it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from releases.pipeline import processes
from releases.pipeline.diagnosis.finding import Finding, Kind, Lines, Severity, Subject, Told
from releases.pipeline.diagnosis.reading import Command, Reading, Service, moment, told
from releases.pipeline.diagnosis.reported import Known, Object

EVENTS, LINES = 10, 20
LATE_SECONDS = 60.0
WAITED_FOR = ("never_ready", "unschedulable")  # causes of verdicts at the deadline
TELLING = {"Killing", "Preempted", "TaintManagerEviction", "NodeNotReady"}  # though they are no warnings


@dataclass(frozen=True)
class Process:
    """`ours`: the containers that the release has in it. One of `of`, a service or a command. `deadline`: seconds."""

    reading: Reading
    known: Known
    pod: Object
    ours: frozenset[str]
    of: Service | Command
    deadline: float

    @property
    def name(self) -> str:
        return processes.name(self.pod)

    @property
    def late(self) -> float:
        """Seconds after which nobody should wait any more without a word."""
        return min(LATE_SECONDS, 0.8 * self.deadline)

    @property
    def is_given_up(self) -> bool:
        """The verdict has fallen for want of it, or the cluster waits no longer: no time is left that may bring it."""
        rollout = self.known.rollout
        if rollout is not None and rollout.cause in WAITED_FOR and rollout.status in ("rolling", "failed"):
            return processes.release(self.pod) == rollout.release
        return isinstance(self.of, Service) and self.of.gave_up and self.is_new

    def patience(self, seconds: float) -> float:
        """For so long it is no trouble but on its way."""
        return 0.0 if self.is_given_up else seconds

    @property
    def service(self) -> str:
        """As a hint names it: whose image, command and variables are meant."""
        if isinstance(self.of, Service):
            return self.of.name
        return processes.run_of(self.pod) or command_words(self.of)

    @property
    def logs_command(self) -> str:
        """What prints the last lines of its service; "" where the app's name is not known."""
        app = self.known.app
        return f"deployer logs -a {app} --service={self.of.name}" if app and isinstance(self.of, Service) else ""

    @property
    def program(self) -> str:
        return f"the command of {self.of.name}" if isinstance(self.of, Service) else command_words(self.of)

    @property
    def is_new(self) -> bool:
        return not isinstance(self.of, Service) or self.of.is_new(self.pod)

    @property
    def kind(self) -> Kind:
        return "process" if isinstance(self.of, Service) else "command"

    @property
    def events(self) -> list[Object]:
        """The oldest first."""
        events = self.reading.events
        return events.get(processes.uid(self.pod)) or events.get(f"Pod/{self.name}") or []

    def last_event(self, *reasons: str) -> Object | None:
        return next((event for event in reversed(self.events) if event.get("reason") in reasons), None)

    def of_container(self, container: str) -> list[Object]:
        """The events that are not told of another container, the oldest first."""
        paths = ("", f"spec.containers{{{container}}}", f"spec.initContainers{{{container}}}")
        return [it for it in self.events if ((it.get("involvedObject") or {}).get("fieldPath") or "") in paths]

    def statuses(self) -> Iterator[tuple[Object, bool]]:
        """The containers of ours, each with whether it is an init container; in the order of starting."""
        return iter(processes.statuses(self.pod, self.ours))

    def shown(self, container: str) -> str:
        """The container's name where it tells something: that of the only one does not."""
        spec = self.pod.get("spec") or {}
        alone = sum(item.get("name") in self.ours for item in spec.get("containers") or []) < 2
        first = any(item.get("name") == container for item in spec.get("initContainers") or [])
        return container if first or not alone else ""

    def spec(self, container: str) -> Object:
        """Of a container; {} if it has none of that name."""
        spec = self.pod.get("spec") or {}
        found = [item for key in ("initContainers", "containers") for item in spec.get(key) or []]
        return next((item for item in found if item.get("name") == container), {})

    def age(self, time: object) -> float | None:
        return self.reading.age(time)

    def waited(self) -> float:
        """Seconds since it has a place, else since it was made."""
        placed = processes.condition(self.pod, "PodScheduled")
        since = placed.get("lastTransitionTime") if placed.get("status") == "True" else None
        return self.age(since or self.pod["metadata"]["creationTimestamp"]) or 0.0

    def lines(self, container: str, *, previous: bool) -> tuple[str, ...]:
        return self.reading.lines(self.pod, container, previous=previous)

    def finding(
        self,
        code: str,
        observed: str,
        hint: str,
        *,
        container: str = "",
        severity: Severity = "error",
        values: Mapping[str, Any] | None = None,
        written: tuple[Lines, ...] = (),
        since: object = "",
        command: str = "",
        page: str = "",
    ) -> Finding:
        """About this process. That an old version is ill matters less: it goes.

        Where neither `command` nor `page` is named, its release is what one changes: the manifest, the image.
        """
        name = self.name if isinstance(self.of, Service) else self.of.name
        service = self.of.name if isinstance(self.of, Service) else processes.run_of(self.pod)
        raw = {"release": processes.release(self.pod), **(values or {})}
        return Finding(
            code,
            Subject(self.kind, name, service, container),
            observed,
            hint,
            severity=severity if self.is_new or severity == "info" else "warning",
            values={key: value for key, value in raw.items() if value not in (None, "", (), {}, [])},
            events=self.evidence(),
            lines=written,
            since=since if isinstance(since, str) and moment(since) else "",
            command=command,
            page=page or ("" if command else self.known.paths.get("release", "")),
        )

    def evidence(self) -> tuple[Told, ...]:
        """The last warnings about it, the oldest first."""
        telling = [event for event in self.events if event.get("type") == "Warning" or event.get("reason") in TELLING]
        return tuple(map(told, telling[-EVENTS:]))


def command_words(command: Command) -> str:
    words = {"release": "the release command", "timer": "the timer", "run": "the one-off process", "job": "the command"}
    return words[command.kind] if command.kind == "release" else f"{words[command.kind]} {command.name}"
