"""A process that ends though it should run: crashed, killed, out of memory, or done. Pure.

What counts is the last end, whatever covers it: behind CrashLoopBackOff it is in `lastState`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from releases.pipeline import event_log, meaning, processes
from releases.pipeline.diagnosis.amounts import duration, resources, times
from releases.pipeline.diagnosis.finding import Finding, Lines, Severity
from releases.pipeline.diagnosis.of_processes.likely import with_guess
from releases.pipeline.diagnosis.of_processes.process import LINES, Process
from releases.pipeline.diagnosis.reading import last_told, moment
from releases.pipeline.diagnosis.reported import Object

LATELY, WITHIN_THE_HOUR, RESTARTS = 600.0, 3600.0, 3
# A process that runs again has proven itself when it has lived this much longer than in its last run.
PROVEN, PROVEN_MOST = 10.0, 60.0
STARTUP = re.compile(r"startup probe", re.IGNORECASE)
REPEATED = "(combined from similar events): "


@dataclass(frozen=True)
class End:
    """`last`: its newest `terminated` state, {} if it was only told to end. `count`: how often it ended. `is_init`:
    of a container that runs before the main one. `severity`: error while it is not known to run well again."""

    container: str
    is_init: bool
    last: Object
    count: int
    kills: int
    severity: Severity

    @property
    def code(self) -> int:
        return self.last.get("exitCode") or 0


def found(process: Process) -> Iterator[Finding]:
    end = read(process)
    if end is None:
        return
    lines = last_lines(process, end.container)
    make = _killed if end.kills else _out_of_memory if end.last.get("reason") == "OOMKilled" else _ended
    finding = make(process, end, lines)
    yield with_guess(process, finding, lines[0].lines if lines and not end.kills else ())


def read(process: Process) -> End | None:
    """How it ended lately; None if it did not, or never began to run."""
    pod, ours = process.pod, process.ours
    container, last = processes.failing(pod, ours=ours), processes.last_exit(pod, ours=ours)
    status, is_init = next(((it, init) for it, init in process.statuses() if it.get("name") == container), ({}, False))
    kills, killed_at = _kills(process, last, status)
    count = processes.exits(pod, ours=ours)
    if last.get("reason") in processes.NOT_ENDED or (not count and not kills):
        return None
    running = (status.get("state") or {}).get("running")
    if running is None and not kills and last == {}:
        return None
    ago = process.age(killed_at or last.get("finishedAt"))
    severity: Severity = "error"
    if running is not None and not _unproven(process, running, last, max(count, kills), ago if kills else None):
        severity = "warning"
        often = (status.get("restartCount") or 0) >= RESTARTS
        if ago is None or ago > (WITHIN_THE_HOUR if often else LATELY):
            return None
    return End(container, is_init, last, max(count, kills), kills, severity)


def last_lines(process: Process, container: str) -> tuple[Lines, ...]:
    """Those of the run that ended; where they were not read, what the cluster kept of them."""
    previous = processes.ended_before(process.pod, container)
    for run in (previous, not previous):
        if lines := process.lines(container, previous=run):
            return (Lines(process.name, container, run, lines[-LINES:]),)
    lines = tuple(processes.kept_words(process.pod, container))
    return (Lines(process.name, container, previous, lines[-LINES:]),) if lines else ()


def lived(last: Object) -> float | None:
    """Seconds from begin to end."""
    began, ended = moment(last.get("startedAt")), moment(last.get("finishedAt"))
    return max(0.0, (ended - began).total_seconds()) if began and ended else None


def _unproven(process: Process, running: Object, last: Object, count: int, killed_ago: float | None) -> bool:
    """Running for the moment, as a crash loop is between any two crashes."""
    if killed_ago is not None and killed_ago < PROVEN_MOST:
        return True
    began = process.age(running.get("startedAt"))
    if count < 2 or began is None:
        return False
    return began < min(lived(last) or 0.0, PROVEN_MOST) + PROVEN


def _kills(process: Process, last: Object, status: Object) -> tuple[int, str]:
    """How often its liveness check had it killed and when last; 0 if its last end was another."""
    killings = [event for event in process.events if event_log.liveness_kills([event], {}, ours=process.ours)]
    count = sum(map(event_log.count, killings))
    if not count:
        return 0, ""
    at = last_told(killings[-1])
    told, began = moment(at), moment(last.get("startedAt"))
    if told and began and told < began and count < (status.get("restartCount") or 0):
        return 0, ""
    return count, at


# --- In words -------------------------------------------------------------------------------------------------------


def _values(process: Process, end: End) -> Object:
    status = processes.container(process.pod, end.container)
    code = end.code
    return {
        "exit_code": code if end.last else None,
        "signal": processes.SIGNALS.get(code - 128, "") if code > 128 else "",
        "reason": end.last.get("reason"),
        "exits": end.count,
        "restarts": status.get("restartCount") or 0,
        "lived_seconds": lived(end.last),
        "ended_at": end.last.get("finishedAt"),
    }


def _now(end: End) -> str:
    return "; it runs again" if end.severity == "warning" else ""


def _killed(process: Process, end: End, lines: tuple[Lines, ...]) -> Finding:
    saw = _last_seen(process, end.container)
    seen = f": {saw}" if saw else ""
    return process.finding(
        "liveness_killed",
        f"{process.name} was killed {times(end.kills)} because its liveness check failed{seen}{_now(end)}.",
        f"Check what {process.service} answers at its liveness path, or give it more time.",
        container=process.shown(end.container),
        severity=end.severity,
        values=_values(process, end) | {"kills": end.kills, "saw": saw, "probe": "liveness"},
        written=lines,
        since=end.last.get("finishedAt"),
        command=process.logs_command,
    )


def _who(process: Process, end: End) -> str:
    return f"{process.name}'s {end.container} container" if end.is_init else process.name


def _killed_at_start(process: Process, end: End) -> tuple[str, str]:
    """In words, and what the check saw; blank if its last end was another."""
    began = moment(end.last.get("startedAt"))
    for event in reversed(process.of_container(end.container)):
        if event.get("reason") == "Killing" and STARTUP.search(event.get("message") or ""):
            told = moment(last_told(event))
            if told and began and told < began:
                return "", ""
            saw = _last_seen(process, end.container, "Startup")
            return " because its startup check failed" + (f" ({saw})" if saw else ""), saw
    return "", ""


def _last_seen(process: Process, container: str, probe: str = "Liveness") -> str:
    """What the check saw last; "" if nothing is told of it."""
    told = (_saw(event, probe) for event in reversed(process.of_container(container)))
    return next(filter(None, told), "")


def _saw(event: Object, probe: str) -> str:
    message = (event.get("message") or "").removeprefix(REPEATED)
    match = re.match(rf"{probe} probe (?:failed|errored)[^:]*: *(.*)", message, re.DOTALL)
    return " ".join(match[1].split()) if match and event.get("reason") == "Unhealthy" else ""


def _out_of_memory(process: Process, end: End, lines: tuple[Lines, ...]) -> Finding:
    limit = resources(process.spec(end.container), "limits").get("memory", "")
    most = f" of {limit}" if limit else ""
    return process.finding(
        "out_of_memory",
        f"{_who(process, end)} was killed for using more memory than its limit{most}{_often(end)}{_now(end)}.",
        meaning.exit_hint("OOMKilled", end.code, process.service),
        container=process.shown(end.container),
        severity=end.severity,
        values=_values(process, end) | {"limit": limit},
        written=lines,
        since=end.last.get("finishedAt"),
    )


def _often(end: End) -> str:
    """` after 2 s`; `, 3 times, the last time after 2 s`. The cluster counts whole seconds."""
    seconds = lived(end.last)
    after = "" if seconds is None else f" after {duration(seconds)}" if seconds else " at once"
    if end.count < 2:
        return after
    return f", {times(end.count)}" + (f", the last time{after}" if after else "")


def _ended(process: Process, end: End, lines: tuple[Lines, ...]) -> Finding:
    code = "init_failing" if end.is_init else "completed" if not end.code else "crash_loop"
    if end.severity == "warning" and not end.is_init:
        code = "crashed"
    hint = meaning.exit_hint(end.last.get("reason") or "", end.code, process.service)
    killed, saw = _killed_at_start(process, end)
    if end.is_init:
        hint = f"Look at the last lines of the {end.container} container: {process.service} waits until it ends well."
    elif killed:
        hint = (
            f"Give {process.service} more time to start (failureThreshold of its startup probe), or correct the probe."
        )
    words = lines[0].lines[-1] if lines else ""
    return process.finding(
        code,
        f"{_who(process, end)} {processes.exit_words(end.last)}{killed}{_often(end)}{_now(end)}"
        + (f". Its last line: {words}" if words else "."),
        hint,
        container=process.shown(end.container),
        severity=end.severity,
        values=_values(process, end) | {"saw": saw},
        written=lines,
        since=end.last.get("finishedAt"),
        command=process.logs_command,
        page=process.known.paths.get("logs", ""),
    )
