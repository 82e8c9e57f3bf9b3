"""The services and processes of a diagnosis, as its tables show them: what fails comes first. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis import process_status
from releases.pipeline.diagnosis.belonging import Part
from releases.pipeline.diagnosis.finding import Finding, Lines
from releases.pipeline.diagnosis.reading import Reading, Service, moment, read
from releases.pipeline.diagnosis.report import Options, ProcessLine, ServiceLine
from releases.pipeline.diagnosis.reported import Known, LogOf, Object, Reported

PROCESSES_MAX = 200
LINE_MAX, LOGS_MAX = 2000, 500_000  # characters
DEFAULT = Options()
RANKS = {status: place for place, status in enumerate(process_status.STATUSES)}


@dataclass(frozen=True)
class Tables:
    """`omitted`: what → how many there are beside: `healthy` processes, further `processes`, further `logs`."""

    services: tuple[ServiceLine, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    omitted: Mapping[str, int] = field(default_factory=dict)


def tables(reported: Reported, known: Known, findings: Collection[Finding], options: Options = DEFAULT) -> Tables:
    """Of the services asked for; bounded in number and size whatever is reported."""
    reading = read(reported, known)
    services = [service for service in reading.services if not options.services or service.name in options.services]
    overview = "overview" in options.checks
    is_read = "Deployment" not in reading.reported.unread
    lines = tuple(_service(service, reading, findings) for service in services) if overview and is_read else ()
    shown, omitted = _Processes(reading, known, findings, options).of(service.part for service in services)
    return Tables(lines, shown, omitted)


# --- Services -------------------------------------------------------------------------------------------------------


def _service(service: Service, reading: Reading, findings: Collection[Finding]) -> ServiceLine:
    deployment, desired = service.deployment, service.state.desired
    ready = (processes.status(deployment).get("readyReplicas") or 0) if deployment else 0
    staying = [pod for pod in service.pods if not processes.is_going(pod) and not processes.is_over(pod)]
    staying.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    return ServiceLine(
        service=service.name,
        desired=desired,
        ready=min(ready, desired),  # in the middle of a change there may be more of them
        status=_service_status(service, findings),
        releases=tuple(filter(None, dict.fromkeys(map(processes.release, staying)))),
        autoscaled=any(_scales(autoscaler, service.name) for autoscaler in reading.reported.autoscalers),
    )


def _service_status(service: Service, findings: Collection[Finding]) -> str:
    deployment, state = service.deployment, service.state
    if any(found.severity == "error" and _is_about(found, service.name) for found in findings):
        return "failing"
    if deployment is None or not state.desired:
        return "stopped"
    if service_state.is_complete(state):
        return "running"
    expired = processes.condition(deployment, "Progressing").get("status") == "False"
    return "stalled" if expired or service_state.is_paused(state) or service_state.refusal(state) else "deploying"


def _is_about(found: Finding, service: str) -> bool:
    subject = found.subject
    return subject.service == service or (subject.kind == "service" and subject.name == service)


def _scales(autoscaler: Object, service: str) -> bool:
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return (target.get("kind"), target.get("name")) == ("Deployment", service)


# --- Processes ------------------------------------------------------------------------------------------------------


class _Processes:
    """The table of them, with what their containers wrote as far as that fits."""

    def __init__(self, reading: Reading, known: Known, findings: Collection[Finding], options: Options) -> None:
        self.reading, self.known, self.options = reading, known, options
        self.found: dict[str, Finding] = {}
        for finding in findings:
            if finding.subject.kind == "process":
                for name in (finding.subject.name, *finding.others):
                    self.found.setdefault(name, finding)
        events = reading.reported.events
        self.pulling = _told(events, "Pulling") - _told(events, "Pulled")
        self.logs: dict[str, list[LogOf]] = {}
        for log in reading.reported.logs:
            self.logs.setdefault(log.process, []).append(log)
        self.room = LOGS_MAX

    def of(self, parts: Iterable[Part]) -> tuple[tuple[ProcessLine, ...], dict[str, int]]:
        """With what is left out, by what it is."""
        every = [(self._line(part, pod), part) for part in parts for pod in part.pods]
        shown = [(line, part) for line, part in every if self._is_shown(line)]
        shown.sort(key=lambda each: (RANKS[each[0].status], not each[0].new, each[0].service, each[0].process))
        lines, unlogged = [], 0
        for line, part in shown[:PROCESSES_MAX]:
            logs = self._logs(line, part)
            unlogged += logs is None
            if logs or line.init or "overview" in self.options.checks:
                lines.append(replace(line, logs=logs or ()))
        omitted = {"healthy": len(every) - len(shown), "processes": len(shown) - PROCESSES_MAX, "logs": unlogged}
        return tuple(lines), {what: count for what, count in omitted.items() if count > 0}

    def _is_shown(self, line: ProcessLine) -> bool:
        """What has a finding is, however it looks in this moment: a crash loop is ready between any two crashes."""
        return self.options.everything or line.new or line.status != "ready" or line.process in self.found

    def _line(self, part: Part, pod: Object) -> ProcessLine:
        name, ours, now = processes.name(pod), part.ours(pod), self.reading.now
        finding, uid = self.found.get(name), processes.uid(pod)
        before = self.known.baseline.get(uid, 0)
        status = process_status.status(pod, ours=ours, now=now, exits_before=before, pulling=uid in self.pulling)
        if status == "completed" and finding and finding.code == "liveness_killed":
            status = "crash-loop"  # it ended well, as one does that is told to
        created = moment(pod["metadata"]["creationTimestamp"])
        return ProcessLine(
            process=name,
            service=part.name,
            status=status,
            ready=process_status.ready(pod, ours=ours),
            restarts=process_status.restarts(pod, ours=ours),
            created_at=created.isoformat() if created else "",
            hint=finding.hint if finding else process_status.words(pod, ours=ours),
            release=processes.release(pod),
            node=(pod.get("spec") or {}).get("nodeName") or "",
            new=created is not None and (now - created).total_seconds() < self.options.age,
            init=process_status.init_lines(pod, ours=ours) if "init" in self.options.checks else (),
        )

    def _logs(self, line: ProcessLine, part: Part) -> tuple[Lines, ...] | None:
        """In the order in which they were written; None where there is no more room for them."""
        wanted = [log for log in self.logs.get(line.process, []) if self._is_wanted(log, part)]
        # Of one container the earlier run first.
        wanted.sort(key=lambda log: (log.container in part.mains, log.container, not log.previous))
        logs = []
        for log in wanted:
            written = self.reading.reported.logs[log]
            lines = [text[:LINE_MAX] for text in written[max(0, len(written) - self.options.lines) :]]
            if not lines:
                continue
            self.room -= sum(map(len, lines))
            logs.append(Lines(log.process, log.container, log.previous, tuple(lines)))
        return None if logs and self.room < 0 else tuple(logs)

    def _is_wanted(self, log: LogOf, part: Part) -> bool:
        check = "services" if log.container in part.mains else "init"
        return check in self.options.checks and (self.options.previous or not log.previous)


def _told(events: Iterable[Object], reason: str) -> set[str]:
    """uids of the objects of which events tell `reason`."""
    return {(event.get("involvedObject") or {}).get("uid") or "" for event in events if event.get("reason") == reason}
