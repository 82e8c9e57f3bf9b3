"""What a diagnosis says: findings, each with what was seen, what to do and what shows it. Pure data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
Kind = Literal["process", "service", "command", "rollout", "app", "cluster", "deployer", "ingress", "volume"]


@dataclass(frozen=True)
class Subject:
    """What a finding is about. `service`: of which it is a part, "" of none. `container`: of a process, one of ours."""

    kind: Kind
    name: str
    service: str = ""
    container: str = ""


@dataclass(frozen=True)
class Told:
    """An event of the cluster. `last`: when it was told last, as the cluster wrote it. `count`: how often."""

    object: str
    reason: str
    message: str
    type: str = "Warning"
    count: int = 1
    last: str = ""


@dataclass(frozen=True)
class Lines:
    """The last ones that a container wrote; `previous`: in the run before this one."""

    process: str
    container: str
    previous: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    `code`: of the catalogue. `observed`: a sentence; `values`: the same as the cluster reported it, raw. `hint`: one
    sentence, an action. `likely`: what may explain it and is not certain, "" if nothing; it says "likely" itself.
    `command`, `page`: what does what the hint says: words for a terminal, a path of the dashboard. `others`: further
    subjects with the same trouble, `others_count` with those that are not named. `since`: ISO time, "" if not known.
    """

    code: str
    subject: Subject
    observed: str
    hint: str
    severity: Severity = "error"
    values: Mapping[str, Any] = field(default_factory=dict)
    likely: str = ""
    command: str = ""
    page: str = ""
    events: tuple[Told, ...] = ()
    lines: tuple[Lines, ...] = ()
    others: tuple[str, ...] = ()
    others_count: int = 0
    since: str = ""

    def but(self, **changes: Any) -> "Finding":
        return replace(self, **changes)

    def as_json(self) -> dict[str, Any]:
        """As the API gives it and as a rollout stores it."""
        return asdict(self)
