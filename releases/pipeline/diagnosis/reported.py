"""What a diagnosis is made from: what the cluster reports of one app, and what we know of it ourselves. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from releases.models.lifecycle import ROLLOUT_UNFINISHED

Object = dict[str, Any]


class LogOf(NamedTuple):
    """Whose lines: a process by name, one of its containers, `previous`: of its run before this one."""

    process: str
    container: str
    previous: bool = False


@dataclass(frozen=True)
class Reported:
    """The objects of the app's namespace as the cluster's API gives them, strangers and all; any part may be empty.

    `now`: by the cluster's own clock, if it is known. `logs`: the last lines, masked. `unread`: kind → why it could not
    be read ("forbidden: …"): what is not known is no fault.
    """

    now: datetime
    deployments: list[Object] = field(default_factory=list)
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    jobs: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)
    services: list[Object] = field(default_factory=list)
    ingresses: list[Object] = field(default_factory=list)
    autoscalers: list[Object] = field(default_factory=list)
    budgets: list[Object] = field(default_factory=list)
    claims: list[Object] = field(default_factory=list)
    logs: Mapping[LogOf, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """From the last release that worked, `before`, to `after`, by names alone: no value is ever here."""

    before: str
    after: str
    images: tuple[str, ...] = ()  # services with another image
    variables_added: tuple[str, ...] = ()
    variables_removed: tuple[str, ...] = ()
    variables_changed: tuple[str, ...] = ()
    manifest: tuple[str, ...] = ()  # dotted keys: `services.web.port`


@dataclass(frozen=True)
class RolloutKnown:
    """The app's newest rollout. `step`: of ROLLOUT.md's order, where it is or ended. `previous`: "" if nothing ran.

    `restored`: whether the previous release is completely back; None while that is open or does not apply.
    `queued_for`: why it waits, while it is queued. `first`: the first finding stored at its verdict, as JSON.
    """

    number: int
    status: str
    release: str
    previous: str = ""
    cause: str = ""
    reason: str = ""
    hint: str = ""
    step: str = ""
    restored: bool | None = None
    finished_at: datetime | None = None
    queued_for: str = ""
    first: Mapping[str, Any] | None = None

    @property
    def is_over(self) -> bool:
        return self.status not in ROLLOUT_UNFINISHED


@dataclass(frozen=True)
class Known:
    """What Deployer itself knows of the app. All may be missing: then the cluster's objects must do.

    `manifest`: of `release`, the one that runs or is rolled out. `variables`: the names of all that its processes get.
    `baseline`: pod uid → exits before the rollout began, where one runs. `written`: service → what its rollout
    remembers of the Deployment that it wrote (`uid`, `generation`, `template`, `seen`); empty when that is not what is
    meant to run.
    """

    app: str = ""
    release: str = ""
    active: str = ""
    manifest: Mapping[str, Any] | None = None
    variables: frozenset[str] = frozenset()
    changes: Changes | None = None
    rollout: RolloutKnown | None = None
    baseline: Mapping[str, int] = field(default_factory=dict)
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)  # page's name → path: `app`, `env`, `logs`, `rollout`, …


@dataclass(frozen=True)
class Trouble:
    """Something around the app that is wrong; `code` is of the catalogue. The rest as in a finding."""

    code: str
    name: str
    observed: str
    hint: str = ""
    command: str = ""
    page: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
