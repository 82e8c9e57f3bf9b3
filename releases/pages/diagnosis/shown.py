"""A whole diagnosis as a page tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.pages.diagnosis.evidence import Event, Log, Paper, events_of, moment, words
from releases.pages.diagnosis.findings import Found, findings_of
from releases.pages.status import DIAGNOSED_PROCESS, DIAGNOSED_SERVICE, SEVERITY, Status

HEALTHY = Status("✓", "Healthy", "ok")
COUNTED = {"error": ("error", "errors"), "warning": ("warning", "warnings")}


@dataclass(frozen=True)
class Service:
    name: str
    desired: int
    ready: int
    status: Status
    releases: tuple[str, ...]
    is_autoscaled: bool

    @property
    def is_short(self) -> bool:
        return self.ready < self.desired


@dataclass(frozen=True)
class Init:
    """A container that runs before the main one."""

    name: str
    status: str
    restarts: int
    words: str


@dataclass(frozen=True)
class Process:
    """`key`: its element's ID. `containers`: those that are ready, `1/1`. `log`: the address of its whole log."""

    key: str
    name: str
    service: str
    status: Status
    containers: str
    restarts: int
    created_at: datetime | None
    is_new: bool
    hint: str
    release: str
    node: str
    inits: tuple[Init, ...]
    logs: tuple[Log, ...]


@dataclass(frozen=True)
class Shown:
    """`status`, `words`: of the whole. `more`: what → how many there are that are not shown. `unread`: why something
    is not known, and what this is."""

    at: datetime | None
    cluster: str
    release: str
    rollout: int | None
    status: Status
    words: str
    findings: list[Found]
    services: list[Service]
    processes: list[Process]
    events: list[Event]
    more: dict[str, int]
    unread: list[tuple[str, str]]
    knows_processes: bool

    @property
    def is_healthy(self) -> bool:
        return not any(finding.is_wrong for finding in self.findings)

    @property
    def ready(self) -> int:
        return sum(service.ready for service in self.services)

    @property
    def desired(self) -> int:
        return sum(service.desired for service in self.services)


def shown(report: Mapping[str, Any], *, home: str) -> Shown:
    """`report`: as JSON. `home`: the path of the app's page."""
    rows = report.get("findings") or ()
    paper = Paper()
    status, said = _sum(rows)
    return Shown(
        at=moment(report.get("at")),
        cluster=words(report.get("cluster")),
        release=words(report.get("release")),
        rollout=report.get("rollout"),
        status=status,
        words=said,
        findings=findings_of(rows, paper, home=home),
        services=[_service(row) for row in report.get("services") or ()],
        processes=[_process(row, paper, home) for row in report.get("processes") or ()],
        events=list(events_of(report.get("events") or ())),
        more={str(what): count for what, count in (report.get("omitted") or {}).items() if count},
        unread=_unread(report.get("unread") or {}),
        knows_processes="Pod" not in (report.get("unread") or {}),
    )


def narrowed(report: Mapping[str, Any], service: str) -> dict[str, Any]:
    """What concerns one service, and what concerns all of the app."""

    def concerns(finding: Mapping[str, Any]) -> bool:
        subject = finding.get("subject") or {}
        about = subject.get("service") or (subject.get("name") if subject.get("kind") == "service" else "")
        return not about or about == service

    def lines(what: str) -> list[Mapping[str, Any]]:
        return [row for row in report.get(what) or () if row.get("service") == service]

    findings = [finding for finding in report.get("findings") or () if concerns(finding)]
    kept = {"findings": findings, "services": lines("services"), "processes": lines("processes")}
    return {**report, **kept, "healthy": all(finding.get("severity") == "info" for finding in findings)}


def _sum(rows: Sequence[Mapping[str, Any]]) -> tuple[Status, str]:
    """`2 errors, 1 warning`, in the tone of the gravest."""
    counts = {severity: sum(row.get("severity") == severity for row in rows) for severity in COUNTED}
    said = [f"{count} {COUNTED[severity][count != 1]}" for severity, count in counts.items() if count]
    if not said:
        return HEALTHY, "nothing is wrong"
    gravest = SEVERITY["error" if counts["error"] else "warning"]
    whole = ", ".join(said)
    return Status(gravest.icon, whole, gravest.tone), whole


def _unread(kinds: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By the reason, which most often is one for several."""
    found: dict[str, list[str]] = {}
    for kind, why in kinds.items():
        found.setdefault(words(why), []).append(words(kind))
    return [(why, ", ".join(names)) for why, names in found.items()]


def _service(row: Mapping[str, Any]) -> Service:
    status = DIAGNOSED_SERVICE.get(row.get("status", ""), DIAGNOSED_SERVICE["stopped"])
    return Service(
        name=words(row.get("service")),
        desired=row.get("desired") or 0,
        ready=row.get("ready") or 0,
        status=status,
        releases=tuple(map(words, row.get("releases") or ())),
        is_autoscaled=bool(row.get("autoscaled")),
    )


def _process(row: Mapping[str, Any], paper: Paper, home: str) -> Process:
    name, service = words(row.get("process")), words(row.get("service"))
    return Process(
        key=f"process-{name}",
        name=name,
        service=service,
        status=DIAGNOSED_PROCESS.get(row.get("status", ""), DIAGNOSED_PROCESS["unknown"]),
        containers=words(row.get("ready")),
        restarts=row.get("restarts") or 0,
        created_at=moment(row.get("created_at")),
        is_new=bool(row.get("new")),
        hint=words(row.get("hint")),
        release=words(row.get("release")),
        node=words(row.get("node")),
        inits=tuple(_init(each) for each in row.get("init") or ()),
        logs=tuple(paper.log(each, service, home) for each in row.get("logs") or ()),
    )


def _init(row: Mapping[str, Any]) -> Init:
    return Init(
        name=words(row.get("container")),
        status=words(row.get("status")),
        restarts=row.get("restarts") or 0,
        words=words(row.get("words")),
    )
