"""A process that runs and is not ready: what its health check saw, and where it listens instead. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from releases.pipeline import processes
from releases.pipeline.causes import UNREADY_SECONDS
from releases.pipeline.diagnosis.amounts import duration, listed
from releases.pipeline.diagnosis.finding import Finding, Lines
from releases.pipeline.diagnosis.of_processes.likely import with_guess
from releases.pipeline.diagnosis.of_processes.process import LINES, Process
from releases.pipeline.diagnosis.reading import last_told, moment
from releases.pipeline.diagnosis.reported import Object

SAW = re.compile(r"(?:Readiness|Startup) probe (?:failed|errored)[^:]*: *(.*)", re.DOTALL)
REFUSED = re.compile(r"dial tcp \S*?:(\d+): .*refused")
CODE = re.compile(r"statuscode: (\d{3})")
LATE = re.compile(r"deadline exceeded|timed? ?out", re.IGNORECASE)
# `Listening at: http://0.0.0.0:8000`, `Server running on port 3000`, `listening on [::]:80`, `bound to tcp://…:9292`.
LISTENS = re.compile(
    r"\b(?:listen(?:ing|s)?|running|serving|started|bound|ready|available|http server)\b"
    r"(?:(?!connect|database|upstream)[^\n]){0,60}?"
    r"(?:\bport\b(?:\(s\))?[\s:=\[(]*"
    r"|(?P<host>\[[0-9a-f:]*\]|\d+(?:\.\d+){3}|(?=[\w.-]*[a-z])[\w.-]+|\*|(?<![\w:.-])):)"
    r"(?P<port>\d{2,5})\b(?![\w.:]*\d)",
    re.IGNORECASE,
)
INNER = ("127.0.0.1", "localhost", "[::1]")


class Listening(NamedTuple):
    port: int
    host: str
    line: str


def found(process: Process) -> Iterator[Finding]:
    pod = process.pod
    ready = processes.condition(pod, "Ready")
    if processes.status(pod).get("phase") != "Running" or processes.is_ready(pod):
        return
    running = [(status, began) for status, began in _running(process)]
    waiting = [(status, began) for status, began in running if not status.get("ready")]
    status, began = (waiting or running or [({}, "")])[0]
    container = status.get("name") or ""
    changed = ready.get("lastTransitionTime") or ""
    known = [time for time in (began, changed) if process.age(time) is not None]
    since = min(known, key=lambda time: process.age(time) or 0.0, default="")
    seconds = process.age(since)
    if not running or seconds is None or seconds < process.patience(_patience(process, container)):
        return
    lines = process.lines(container, previous=False)[-LINES:]
    saw = _saw(process, container, began) if waiting else ""
    finding = _wrong_port(process, container, saw) or _not_ready(process, container, saw, ready if not waiting else {})
    finding = finding.but(
        observed=f"{finding.observed} It has not been ready for {duration(seconds)}.",
        since=since,
        lines=(Lines(process.name, container, False, lines),) if lines else (),
        values={**finding.values, "seconds": int(seconds)},
    )
    finding = with_guess(process, finding, lines)
    if finding.code == "not_ready" and not finding.likely and REFUSED.search(saw):
        finding = finding.but(likely="Likely: it listens on another port, on 127.0.0.1 only, or not yet.")
    yield finding


def listening(lines: tuple[str, ...]) -> list[Listening]:
    """Where it says that it listens; the newest first."""
    return [
        Listening(int(match["port"]), match["host"] or "", line)
        for line in reversed(lines)
        for match in LISTENS.finditer(line)
        if 0 < int(match["port"]) < 65536
    ]


def _running(process: Process) -> Iterator[tuple[Object, str]]:
    """The main containers of ours that run, each with when it began."""
    for status, is_init in process.statuses():
        began = (status.get("state") or {}).get("running")
        if not is_init and began is not None:
            yield status, began.get("startedAt") or process.pod["metadata"]["creationTimestamp"]


def _patience(process: Process, container: str) -> float:
    """What asks to be left alone at first is; but no longer than its rollout would wait."""
    spec = process.spec(container)
    grace = sum(_number(spec.get(probe), "initialDelaySeconds") for probe in ("readinessProbe", "startupProbe"))
    startup = spec.get("startupProbe")
    grace += _number(startup, "periodSeconds") * _number(startup, "failureThreshold")
    return max(UNREADY_SECONDS, min(UNREADY_SECONDS + grace, 0.8 * process.deadline))


def _number(probe: object, key: str) -> float:
    found = probe.get(key) if isinstance(probe, dict) else None
    return float(found) if isinstance(found, int | float) else 0.0


def _saw(process: Process, container: str, began: str) -> str:
    """What the check saw last, in this run."""
    for event in reversed(process.of_container(container)):
        match = SAW.match((event.get("message") or "").removeprefix("(combined from similar events): "))
        if event.get("reason") == "Unhealthy" and match:
            told, start = moment(last_told(event)), moment(began)
            words = " ".join(match[1].split()) or "it says nothing"
            return words if not (told and start and told < start) else ""
    return ""


def _wrong_port(process: Process, container: str, saw: str) -> Finding | None:
    """Nobody listens where it is asked, and it says where it does."""
    refused = REFUSED.search(saw)
    heard = listening(process.lines(container, previous=False)) if refused else []
    if not refused or not heard:
        return None
    asked = int(refused[1])
    there = next((it for it in heard if it.port == asked), heard[0])
    values = {"saw": saw, "port": asked, "listens": there.port, "line": there.line}
    key = f"services.{process.service}.port"
    if there.port != asked:
        return process.finding(
            "wrong_port",
            f"{process.name} says that it listens on port {there.port}, and is asked on port {asked}: {saw}.",
            f"Let {process.service} listen on port {asked}, as {key} says, or set {key} to {there.port}.",
            container=process.shown(container),
            values=values,
            command=process.logs_command,
        )
    if there.host not in INNER:
        return None
    return process.finding(
        "wrong_port",
        f"{process.name} listens on {there.host} only, where nobody else reaches it: {saw}.",
        f"Let {process.service} listen on 0.0.0.0:{asked}: on all addresses.",
        container=process.shown(container),
        values={**values, "host": there.host},
        command=process.logs_command,
    )


def _not_ready(process: Process, container: str, saw: str, gate: Object) -> Finding:
    """`gate`: the condition that says no, where all its containers say yes."""
    http = (process.spec(container).get("readinessProbe") or {}).get("httpGet") or {}
    path = str(http.get("path") or "")
    code = CODE.search(saw)
    words = saw or gate.get("message") or gate.get("reason") or ""
    return process.finding(
        "not_ready",
        f"{process.name} runs, and its health check fails: {saw}."
        if saw
        else f"{process.name} runs and is not ready" + (f": {words}." if words else "."),
        _gate_hint(process, gate) if gate else _hint(process, saw, int(code[1]) if code else 0, path),
        container=process.shown(container),
        values={"saw": saw, "path": path, "status": int(code[1]) if code else None, "message": words},
        command=process.logs_command,
    )


def _gate_hint(process: Process, gate: Object) -> str:
    """Of what somebody else added to a process whose own containers are well."""
    strangers = [
        item["name"]
        for item in processes.status(process.pod).get("containerStatuses") or []
        if item.get("name") and item["name"] not in process.ours and not item.get("ready")
    ]
    if strangers:
        named = listed(strangers)
        return f"Look at the container {named}: it is not of the release, and {process.service} itself is well."
    if gate.get("reason") == "ReadinessGatesNotReady":
        return f"See what decides that readiness gate, a load balancer mostly: {process.service} itself is well."
    return f"Read the cluster's message: {process.service} itself is well."


def _hint(process: Process, saw: str, code: int, path: str) -> str:
    service = process.service
    at = f" at {path}" if path else ""
    if refused := REFUSED.search(saw):
        return f"Let {service} listen on port {refused[1]} on all addresses, or correct services.{service}.port."
    if code == 404:
        return f"Correct services.{service}.health: {service} has nothing{at}."
    if code in (401, 403):
        return f"Let {service} answer its health check{at} without signing in, or choose another path."
    if code >= 500:
        return f"Look at what {service} writes when it is asked{at}: it answers {code}."
    if LATE.search(saw):
        return f"Let {service} answer{at} sooner, or raise the timeout of its health check."
    return f"Check the health check of {service}: its path, its port, and what the process answers."
