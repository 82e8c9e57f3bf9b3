"""A process that does not end, was put off its node, or whose node is gone. Pure."""

import re
from collections.abc import Iterator

from releases.pipeline import processes, service_state
from releases.pipeline.diagnosis.amounts import duration, listed
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.diagnosis.reading import Service, last_told, moment
from releases.pipeline.diagnosis.reported import Object

# After its grace a process is killed; that it is gone is told soon after.
BEYOND_GRACE_SECONDS, TOLD_SECONDS, REPLACED_SECONDS = 30.0, 3600.0, 60.0
ANSWERS_NOT, TAKEN_OFF = "NodeNotReady", "TaintManagerEviction"
# A node that is taken away, or emptied, on purpose: once another process took the place nothing is left to do.
ON_PURPOSE = re.compile(r"shutdown|Terminated|EvictionByEvictionAPI|DeletionByTaintManager|Preempt", re.IGNORECASE)


def found(process: Process) -> Iterator[Finding]:
    """Of one that goes, or has gone, or whose node does not answer."""
    if gone := _node_gone(process):
        yield gone
    elif processes.is_ending(process.pod):
        yield from _ending(process)
    elif processes.is_over(process.pod):
        yield from _put_off(process)


def _node_gone(process: Process) -> Finding | None:
    status = processes.status(process.pod)
    event = process.last_event(ANSWERS_NOT) or (process.last_event(TAKEN_OFF) if not _in_its_grace(process) else None)
    ready = processes.condition(process.pod, "Ready")
    lost = status.get("reason") == "NodeLost" or status.get("phase") == "Unknown"
    if not lost and (event is None or processes.is_over(process.pod) or ready.get("status") == "True"):
        return None
    if not lost and not _is_newer(event or {}, ready):
        return None
    node = (process.pod.get("spec") or {}).get("nodeName") or ""
    words = status.get("message") or (event or {}).get("message") or "the node does not report any more"
    return process.finding(
        "node_gone",
        f"{process.name} is on the node {node or '?'}, which does not answer: {words}",
        f"Look at the node {node or 'of this process'}: start it again, or remove it from the cluster.",
        severity="warning" if processes.is_ending(process.pod) and _is_replaced(process) else "error",
        values={"node": node, "reason": status.get("reason") or (event or {}).get("reason"), "message": words},
        since=ready.get("lastTransitionTime") or last_told(event) if event else ready.get("lastTransitionTime"),
    )


def _in_its_grace(process: Process) -> bool:
    """A node that answers ends it within this time."""
    told = process.pod["metadata"].get("deletionTimestamp")
    return bool(told) and not process.age(told)


def _is_replaced(process: Process) -> bool:
    return isinstance(process.of, Service) and service_state.is_complete(process.of.state)


def _is_newer(event: Object, ready: Object) -> bool:
    """Told since the process was last well: else the node is back."""
    told, changed = moment(last_told(event)), moment(ready.get("lastTransitionTime"))
    return told is None or changed is None or (told - changed).total_seconds() > -60


def _ending(process: Process) -> Iterator[Finding]:
    """The time of deletion has the grace in it already."""
    metadata = process.pod["metadata"]
    beyond = process.age(metadata.get("deletionTimestamp"))
    if beyond is None or beyond < BEYOND_GRACE_SECONDS:
        return
    finalizers = metadata.get("finalizers")
    held = [name for name in finalizers if isinstance(name, str)] if isinstance(finalizers, list) else []
    node = (process.pod.get("spec") or {}).get("nodeName") or ""
    why = f": {listed(held)} holds it" if held else ""
    yield process.finding(
        "terminating_long",
        f"{process.name} was told to end, and is still there {duration(beyond)} after its time was over{why}.",
        f"Find out what holds it: {listed(held)} is a finalizer that somebody must remove."
        if held
        else f"Look at the node {node or 'of this process'}: it does not end what it was told to end.",
        severity="warning",
        values={"seconds": int(beyond), "finalizers": held, "node": node},
        since=metadata.get("deletionTimestamp"),
    )


def _put_off(process: Process) -> Iterator[Finding]:
    status = processes.status(process.pod)
    disrupted = processes.condition(process.pod, "DisruptionTarget")
    last = processes.last_exit(process.pod, ours=process.ours)
    since = disrupted.get("lastTransitionTime") or last.get("finishedAt") or ""
    age = process.age(since)
    if age is not None and age > TOLD_SECONDS:
        return
    reason = status.get("reason") or disrupted.get("reason") or ""
    if ON_PURPOSE.search(reason) and not _is_needed(process, age):
        return
    words = status.get("message") or disrupted.get("message") or reason or "the cluster does not say why"
    node = (process.pod.get("spec") or {}).get("nodeName") or ""
    yield process.finding(
        "evicted",
        f"{process.name} was put off its node{f' {node}' if node else ''}: {words}",
        _remedy(process, f"{reason} {words}".lower()),
        severity="warning",
        values={"reason": reason, "message": words, "node": node},
        since=since,
    )


def _is_needed(process: Process, age: float | None) -> bool:
    """Whether none took its place, though there was time."""
    return not _is_replaced(process) and age is not None and age >= REPLACED_SECONDS


def _remedy(process: Process, words: str) -> str:
    if "memory" in words:
        return f"Raise scale.memory of {process.service}, so that its node keeps as much for it, or add a node."
    if "ephemeral" in words or "disk" in words or "storage" in words or "emptydir" in words:
        return f"Let {process.service} write less to its own disk, or use a volume; see how full the node is."
    if "preempt" in words:
        return "Add a node: something that matters more to the cluster took the place."
    return "Nothing, if another process took its place; else look at the node."
