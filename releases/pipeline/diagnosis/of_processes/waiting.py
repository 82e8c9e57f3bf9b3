"""A process that has a place and does not get to run: volumes, init containers, a long pull, nothing at all. Pure."""

import re
from collections.abc import Iterator

from releases.pipeline import meaning, processes
from releases.pipeline.causes import UNPLACED_SECONDS, UNREADY_SECONDS
from releases.pipeline.diagnosis.amounts import duration
from releases.pipeline.diagnosis.finding import Finding, Lines, Severity
from releases.pipeline.diagnosis.of_processes.likely import with_guess
from releases.pipeline.diagnosis.of_processes.process import LINES, Process
from releases.pipeline.diagnosis.of_processes.starting import missing, missing_words
from releases.pipeline.diagnosis.reading import last_told
from releases.pipeline.diagnosis.reported import Object

# From when on it is worth a word, and from when on it is a trouble.
PULLING_SECONDS, PULLED_SECONDS = 30.0, 300.0
VOLUME = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
LATER = ("Pulling", "Pulled", "Created", "Started")
NAMED = re.compile(r'volume "([^"]+)"')
UNATTACHED = re.compile(r"unmounted volumes=\[([^\]\s]+)")
CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found', re.IGNORECASE)


def found(process: Process) -> Iterator[Finding]:
    if processes.status(process.pod).get("phase") != "Pending" or not _has_place(process):
        return
    if preparing := processes.preparing(process.pod, ours=process.ours):
        yield from _preparing(process, preparing)
    elif not processes.runs(process.pod, ours=process.ours):
        pulling = process.last_event("Pulling", "Pulled", "Failed", "Created", "Started")
        if pulling and pulling.get("reason") == "Pulling":
            yield from _pulling(process, pulling)
        else:
            yield from _volume(process) or _starting(process)


def _has_place(process: Process) -> bool:
    spec = process.pod.get("spec") or {}
    return bool(spec.get("nodeName")) or processes.has(process.pod, "PodScheduled")


def _severity(seconds: float, late: float) -> Severity:
    return "error" if seconds >= late else "warning"


# --- The container that runs before the main one ----------------------------------------------------------------------


def _preparing(process: Process, container: str) -> Iterator[Finding]:
    running = (processes.container(process.pod, container).get("state") or {}).get("running") or {}
    since = running.get("startedAt") or process.pod["metadata"]["creationTimestamp"]
    seconds = process.age(since) or 0.0
    if seconds < process.patience(UNREADY_SECONDS):
        return
    lines = process.lines(container, previous=False)[-LINES:]
    finding = process.finding(
        "init_stuck",
        f"{process.name} waits for its {container} container, which has been running for {duration(seconds)}.",
        f"Let the initContainer of {process.service} end sooner: {process.service} begins when it has.",
        container=container,
        severity=_severity(seconds, process.late),
        values={"seconds": int(seconds)},
        written=(Lines(process.name, container, False, lines),) if lines else (),
        since=since,
        command=process.logs_command,
    )
    yield with_guess(process, finding, lines)


# --- Volumes --------------------------------------------------------------------------------------------------------


def _volume(process: Process) -> list[Finding]:
    event = _volume_event(process)
    later = process.last_event(*LATER)
    if event is None or (later and last_told(later)[:19] > last_told(event)[:19]):
        return []
    words = " ".join((event.get("message") or "").split())
    final = bool(meaning.CONFIG_FINAL.search(words) or CLAIM.search(words))
    if process.waited() < process.patience(UNPLACED_SECONDS if final else UNREADY_SECONDS):
        return []
    named = NAMED.search(words) or UNATTACHED.search(words)
    volume = named[1] if named else ""
    claim = CLAIM.search(words)
    lost = {"kind": "PersistentVolumeClaim", "name": claim[1]} if claim else missing(words)
    of_it = f"its volume {volume}" if volume else "a volume"
    why = f"{missing_words(lost)} does not exist: {words}" if lost else words
    hint = (
        f"Create {missing_words(lost)}, or correct the volumes of {process.service}."
        if lost
        else _volume_hint(process, words)
    )
    finding = process.finding(
        "volume_stuck",
        f"{process.name} can't have {of_it}: {why}",
        hint,
        values={"volume": volume, "reason": event.get("reason"), "message": words, **lost},
        since=process.pod["metadata"]["creationTimestamp"],
    )
    return [finding]


def _volume_event(process: Process) -> Object | None:
    """The last that says why; what only says that time went by covers it, and is told beside it again and again."""
    told = [event for event in process.events if event.get("reason") in VOLUME]
    telling = [event for event in told if not UNATTACHED.search(event.get("message") or "")]
    return (telling or told)[-1] if told else None


def _volume_hint(process: Process, words: str) -> str:
    if "multi-attach" in words.lower():
        return f"Let the process that still has the volume end: it can be on one node only; see {process.service}."
    return f"Check the volumes of {process.service} and the cluster's storage: the cluster's message says what fails."


# --- The image, and the rest ------------------------------------------------------------------------------------------


def _pulling(process: Process, event: Object) -> list[Finding]:
    since = last_told(event)
    seconds = process.age(since) or 0.0
    if seconds < process.patience(PULLING_SECONDS):
        return []
    match = re.search(r'image "([^"]+)"', event.get("message") or "")
    image = match[1] if match else ""
    finding = process.finding(
        "pulling",
        f"{process.name} has been pulling {image or 'its image'} for {duration(seconds)}.",
        f"Wait, or make the image of {process.service} smaller; see that the registry is fast enough.",
        severity=_severity(seconds, min(PULLED_SECONDS, process.deadline)),
        values={"image": image, "seconds": int(seconds)},
        since=since,
    )
    return [finding]


def _starting(process: Process) -> list[Finding]:
    seconds = process.waited()
    # What came after a long pull has only begun, and the process's own status is told a moment later.
    step = process.last_event("Pulled", "Created", "Started")
    moved = process.age(last_told(step)) if step else None
    if min(seconds, seconds if moved is None else moved) < process.patience(UNREADY_SECONDS):
        return []
    event = _last_warning(process)
    words = " ".join((event.get("message") or event.get("reason") or "").split())
    waits = processes.waiting_words(process.pod, ours=process.ours)
    told = words or waits
    finding = process.finding(
        "starting",
        f"{process.name} has had a place for {duration(seconds)} and does not start" + (f": {told}" if told else "."),
        "Read the cluster's message: it says what it waits for."
        if words
        else f"See whether the node {_node(process)} is well: it does not say why it does not start the process.",
        severity="error" if words else _severity(seconds, process.late),
        values={"seconds": int(seconds), "waiting": waits, "message": words, "node": _node(process)},
        since=process.pod["metadata"]["creationTimestamp"],
    )
    return [finding]


def _last_warning(process: Process) -> Object:
    warnings = [event for event in process.events if event.get("type") == "Warning"]
    telling = [event for event in warnings if event.get("reason") not in ("BackOff", "FailedScheduling")]
    return telling[-1] if telling else {}


def _node(process: Process) -> str:
    return (process.pod.get("spec") or {}).get("nodeName") or ""
