"""Commands that run once and failed, or did not end in time: release commands, timers, one-off processes. Pure."""

import re
from collections.abc import Callable, Iterator

from releases.pipeline import job_health, manifests, processes
from releases.pipeline.diagnosis.amounts import duration
from releases.pipeline.diagnosis.finding import Finding, Lines, Severity
from releases.pipeline.diagnosis.of_processes import exits, images
from releases.pipeline.diagnosis.of_processes.likely import with_guess
from releases.pipeline.diagnosis.of_processes.process import LINES, Process, command_words
from releases.pipeline.diagnosis.reading import Command, Reading
from releases.pipeline.diagnosis.reported import Known, Object
from releases.pipeline.processes import Ailment
from releases.pipeline.service_state import Rules

PATIENT = Rules(deadline=0, exits=1, pull=10**9, start=10**9)  # here, only how it ended is asked
TELLING_SECONDS = 3600.0
FAILED_PULL = re.compile(r'Failed to pull image "([^"]*)": (.*)', re.DOTALL)
Seek = Callable[[Process], Iterator[Finding]]


def telling(reading: Reading, known: Known) -> Iterator[Command]:
    """Those whose end is news: the newest rollout's release command, the last run of each timer, fresh one-offs."""
    rollout, seen = known.rollout, set[str]()
    ours = any(map(_is_ours, reading.reported.jobs + reading.reported.deployments)) or bool(known.manifest)
    for command in sorted(reading.commands, key=lambda it: it.job["metadata"]["creationTimestamp"], reverse=True):
        labels = command.job["metadata"].get("labels") or {}
        if command.kind == "release" and rollout and command.name != f"release-{rollout.number}":
            continue
        if command.kind == "timer":
            if labels[manifests.TIMER] in seen:
                continue
            seen.add(labels[manifests.TIMER])
        if command.kind == "run" and (reading.age(_ended_at(command)) or 0.0) > TELLING_SECONDS:
            continue
        if command.kind != "job" or not ours:
            yield command


def found(reading: Reading, known: Known, command: Command, of_process: Seek) -> Iterator[Finding]:
    """`of_process`: what is wrong with one that has not ended."""
    process = _process(reading, known, command)
    verdict = job_health.assess_job(
        command.job, command.pods, rules=PATIENT, first_seen={}, now=reading.now, ours=command.ours
    )
    if verdict.status == "complete":
        return
    if ailment := _never_began(process):
        yield from _graver(command, images.found(process, ailment))
    elif verdict.cause == "release_command":
        late = processes.condition(command.job, "FailureTarget") or processes.condition(command.job, "Failed")
        is_late = late.get("reason") == "DeadlineExceeded"
        yield from _graver(command, [_late(process) if is_late else _failed(process, verdict.reason, verdict.hint)])
    else:
        ended = [pod for pod in command.pods if _has_ended(pod, command)]
        if ended:
            again = _failed(_process(reading, known, command, ended[-1]), "", "").but(severity="warning")
            yield again.but(observed=f"{again.observed} It is tried again.")
        for pod in command.pods:
            if not (_has_ended(pod, command) or processes.is_over(pod) or processes.is_going(pod)):
                yield from _graver(command, of_process(_process(reading, known, command, pod)))


def _graver(command: Command, findings: Iterator[Finding] | list[Finding]) -> Iterator[Finding]:
    """What a timer or a person ran is no fault of what serves."""
    most: Severity = "warning" if command.kind in ("timer", "run") else "error"
    for finding in findings:
        yield finding.but(severity=most) if finding.severity == "error" else finding


def _process(reading: Reading, known: Known, command: Command, pod: Object | None = None) -> Process:
    """Its newest process, or a stand-in for one that is gone."""
    ended = [pod for pod in command.pods if _has_ended(pod, command)]
    gone: Object = {"metadata": {"name": command.name, "uid": "", "creationTimestamp": _made_at(command)}}
    chosen = pod or (ended or command.pods or [gone])[-1]
    seconds = (command.job.get("spec") or {}).get("activeDeadlineSeconds")
    return Process(reading, known, chosen, command.ours, command, float(seconds or TELLING_SECONDS))


def _never_began(process: Process) -> Ailment | None:
    """An image that was never there: told by events alone, once the Job's process is gone."""
    command = process.of
    if not isinstance(command, Command) or any(processes.runs(pod, ours=command.ours) for pod in command.pods):
        return None
    prefix = f"{command.name}-"
    for events in process.reading.events.values():
        about = events[-1].get("involvedObject") or {}
        if about.get("kind") != "Pod" or not (about.get("name") or "").startswith(prefix):
            continue
        if any(event.get("reason") == "Started" for event in events):
            return None
        for event in reversed(events):
            if match := FAILED_PULL.match(event.get("message") or ""):
                return Ailment("pull", "ErrImagePull", match[2], image=match[1])
    return None


def _has_ended(pod: Object, command: Command) -> bool:
    name = processes.failing(pod, ours=command.ours)
    ended = (processes.container(pod, name).get("state") or {}).get("terminated") or {}
    return bool(ended) and ended.get("reason") not in processes.NOT_ENDED


# --- In words -------------------------------------------------------------------------------------------------------


def _failed(process: Process, reason: str, hint: str) -> Finding:
    who = _who(process)
    container = processes.failing(process.pod, ours=process.ours)
    last = processes.last_exit(process.pod, ours=process.ours)
    lines = exits.last_lines(process, container)
    seconds = exits.lived(last)
    if last and last.get("reason") not in processes.NOT_ENDED:
        after = f" after {duration(seconds)}" if seconds is not None else ""
        stopped = job_health.was_stopped(process.pod, ours=process.ours)
        what = "was stopped before it had ended" if stopped else f"{processes.exit_words(last)}{after}"
        observed = f"{who} {what}."
    else:
        observed = reason.replace(job_health.COMMAND, who) or f"{who} failed."
    code = last.get("exitCode") or 0
    finding = process.finding(
        "command_failed",
        observed + (f" Its last line: {lines[0].lines[-1]}" if lines else ""),
        _hint(process, last, hint),
        container=process.shown(container),
        values={
            "exit_code": last.get("exitCode"),
            "signal": processes.SIGNALS.get(code - 128, "") if code > 128 else "",
            "reason": last.get("reason"),
            "lived_seconds": seconds,
            "process": process.name if process.pod["metadata"]["uid"] else "",
        },
        written=lines,
        since=last.get("finishedAt") or _failed_at(process.of),
        page=process.known.paths.get("rollout", ""),
    )
    return with_guess(process, finding, lines[0].lines if lines else ())


def _hint(process: Process, last: Object, hint: str) -> str:
    if last.get("reason") == "OOMKilled":
        return f"Raise scale.memory of {process.service}, or let {command_words(_command(process))} use less."
    if last.get("exitCode") in (126, 127):
        return f"Check {command_words(_command(process))}: the shell could not find or execute it."
    return hint or "Look at the last lines that it wrote."


def _late(process: Process) -> Finding:
    command = _command(process)
    limit = (command.job.get("spec") or {}).get("activeDeadlineSeconds")
    container = processes.failing(process.pod, ours=process.ours)
    lines = exits.last_lines(process, container)
    where = {"release": "release.timeout", "timer": f"timers.{_timer(command)}.timeout", "run": "its --timeout"}
    what = where.get(command.kind, "its deadline")
    return process.finding(
        "command_late",
        f"{_who(process)} did not end within {duration(limit)} and was stopped."
        if limit
        else f"{_who(process)} did not end in time and was stopped.",
        f"Raise {what}, or make the command faster.",
        values={"deadline_seconds": limit},
        written=lines or _so_far(process, container),
        since=_failed_at(command),
        page=process.known.paths.get("rollout", ""),
    )


def _so_far(process: Process, container: str) -> tuple[Lines, ...]:
    lines = process.lines(container, previous=False)[-LINES:]
    return (Lines(process.name, container, False, lines),) if lines else ()


def _who(process: Process) -> str:
    words = command_words(_command(process))
    return words[0].upper() + words[1:]


def _command(process: Process) -> Command:
    assert isinstance(process.of, Command)
    return process.of


def _timer(command: Command) -> str:
    return (command.job["metadata"].get("labels") or {}).get(manifests.TIMER, "")


def _is_ours(obj: Object) -> bool:
    return (obj["metadata"].get("labels") or {}).get(manifests.MANAGED_BY) == manifests.MANAGER


def _failed_at(command: object) -> str:
    if not isinstance(command, Command):
        return ""
    failed = processes.condition(command.job, "FailureTarget") or processes.condition(command.job, "Failed")
    return failed.get("lastTransitionTime") or ""


def _made_at(command: Command) -> str:
    return str(command.job["metadata"]["creationTimestamp"])


def _ended_at(command: Command) -> str:
    return _failed_at(command) or _made_at(command)
