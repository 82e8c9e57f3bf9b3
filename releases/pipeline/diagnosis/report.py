"""A whole diagnosis, as pages, the API and the command show it and a failed rollout stores it. Pure data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from releases.pipeline.diagnosis.finding import Finding, Lines, Told

CHECKS = ("overview", "init", "services")
AGE_SECONDS, AGE_MAX = 300, 7 * 24 * 3600
LINES, LINES_MAX = 200, 1000


@dataclass(frozen=True)
class Options:
    """What is asked for. `services`: () for all. `age`: seconds for which a process counts as new. `lines`: of each
    log. `everything`: healthy processes, too. `checks`: overview: services and processes; init: containers that run
    before the main one; services: what processes write."""

    services: tuple[str, ...] = ()
    checks: tuple[str, ...] = CHECKS
    age: int = AGE_SECONDS
    lines: int = LINES
    everything: bool = False
    events: bool = True
    previous: bool = True


@dataclass(frozen=True)
class ServiceLine:
    """`status`: running, deploying, stalled, failing, stopped. `releases`: those that its processes run."""

    service: str
    desired: int
    ready: int
    status: str
    releases: tuple[str, ...] = ()
    autoscaled: bool = False


@dataclass(frozen=True)
class InitLine:
    """A container that runs before the main one. `status`: waiting, running, done, failing."""

    container: str
    status: str
    restarts: int = 0
    words: str = ""


@dataclass(frozen=True)
class ProcessLine:
    """`status`: ready, starting, not-ready, pending, pulling, image, config, start, crash-loop, out-of-memory,
    completed, evicted, stopping, unknown. `ready`: containers, `1/1`. `created_at`: ISO time. `new`: younger than was
    asked. `hint`: of its first finding, else what the cluster says of it. `logs`: current and previous."""

    process: str
    service: str
    status: str
    ready: str
    restarts: int
    created_at: str
    hint: str = ""
    release: str = ""
    node: str = ""
    new: bool = False
    init: tuple[InitLine, ...] = ()
    logs: tuple[Lines, ...] = ()


@dataclass(frozen=True)
class Report:
    """`at`: ISO time. `rollout`: the number of the newest, None without one. `omitted`: what → how many more there
    are. `unread`: kind → why the cluster did not give it."""

    app: str
    at: str
    cluster: str = ""
    release: str = ""
    rollout: int | None = None
    findings: tuple[Finding, ...] = ()
    services: tuple[ServiceLine, ...] = ()
    processes: tuple[ProcessLine, ...] = ()
    events: tuple[Told, ...] = ()
    omitted: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Nothing is wrong: what is only worth knowing does not count."""
        return all(finding.severity == "info" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "healthy": self.healthy}
