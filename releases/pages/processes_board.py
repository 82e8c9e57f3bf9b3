"""The processes of an app, one by one: by service, the broken ones first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.models import App
from releases.pages import squares, status
from releases.pages.running import running
from releases.pipeline.inspect import Process
from releases.policy import Actor

SECTIONS = ("processes-head", "processes-list")
SHOWN = 200  # per service; beyond it a number says the rest
ORDER = {state: place for place, state in enumerate(("broken", "starting", "ready", "stopping", "ended"))}


@dataclass(frozen=True)
class Line:
    """`words`: why it is not ready. `other`: it is of another release than the active one."""

    process: Process
    status: status.Status
    words: str
    other: bool


@dataclass(frozen=True)
class Group:
    """Those of one service; `lane` None: one-off processes. `last`: [ready, wanted] of before the cluster fell
    silent, where nothing else is known."""

    name: str
    lane: squares.Lane | None
    lines: list[Line]
    more: int
    last: list[int] | None = None


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """Of an app with its active release."""
    found = running(app, by=by)
    wanted = squares.desired(app)
    services = [process for process in found.processes if not process.is_run]
    groups = [_group(app, lane.service, lane, services) for lane in squares.lanes_of(services, wanted)]
    runs = [process for process in found.processes if process.is_run]
    if runs:
        groups.append(Group("One-off commands", None, _lines(app, runs), 0))
    broken = sum(process.state == "broken" for process in services)
    rollout = app.unfinished_rollout
    return {
        "groups": groups,
        "seen": found,
        "desired": wanted,
        "broken": broken,
        "running": rollout,
        "ready": sum(process.state == "ready" for process in services),
        "wanted": sum(wanted.values()),
        "status": status.PROCESS["broken"] if broken else _of_app(app),
        "tab": f"Processes · {app.name}",
        "announcement": f"{broken} broken" if broken else "none is broken",
        "scale_refusals": policy.refusals("scale", by=by, app=app),
        "restart_refusals": policy.refusals("restart", by=by, app=app),
        "stop_refusals": policy.refusals("stop_process", by=by, app=app),
    }


def _of_app(app: App) -> status.Status:
    return status.APP["Running" if app.active_release_id else "Stopped"]


def _group(app: App, name: str, lane: squares.Lane, services: Iterable[Process]) -> Group:
    lines = _lines(app, [process for process in services if process.service == name])
    return Group(name, lane, lines[:SHOWN], max(0, len(lines) - SHOWN), app.processes_seen.get(name))


def _lines(app: App, processes: Iterable[Process]) -> list[Line]:
    lines = [_line(app, process) for process in processes]
    return sorted(lines, key=lambda line: (ORDER.get(line.process.state, 1), line.process.name))


def _line(app: App, process: Process) -> Line:
    told = process.reason or process.words.partition(": ")[2]
    other = process.release != app.active_release_id
    return Line(process, status.PROCESS.get(process.state, status.PROCESS["starting"]), told, other)
