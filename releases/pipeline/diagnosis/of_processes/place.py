"""A process that finds no place: what of the cluster's nodes does not suit it. Pure."""

import re
from collections.abc import Iterator

from releases.pipeline import meaning, processes
from releases.pipeline.causes import UNPLACED_SECONDS
from releases.pipeline.diagnosis.amounts import cpus, listed, plural, resources
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.diagnosis.reported import Object

UNSEEN_SECONDS = 30.0
# Until a node that the cluster adds for it is there.
ADDING_SECONDS, ADDING = 180.0, ("TriggeredScaleUp", "Nominated")
NODES = re.compile(r"\b\d+/(\d+) nodes are available: *")
REST = re.compile(r"\.? *(?:preemption:|no new claims|$)")
PART = re.compile(r"(\d+) (.+)", re.DOTALL)
# The scheduler's words → of one node, of several.
WORDS = (
    (re.compile(r"Insufficient cpu"), "has too little CPU left", "have too little CPU left"),
    (re.compile(r"Insufficient memory"), "has too little memory left", "have too little memory left"),
    (re.compile(r"Insufficient (\S+)"), "has too little {} left", "have too little {} left"),
    (re.compile(r"Too many pods"), "runs as many processes as it may", "run as many processes as they may"),
    (re.compile(r"taint\S* \{node\.kubernetes\.io/(?:not-ready|unreachable)"), "is not ready", "are not ready"),
    (
        re.compile(r"were unschedulable|taint\S* \{node\.kubernetes\.io/unschedulable"),
        "takes no new processes (it is cordoned)",
        "take no new processes (they are cordoned)",
    ),
    (re.compile(r"taint\S* \{([^}:]+)"), "is kept for others (taint {})", "are kept for others (taint {})"),
    (re.compile(r"volume|PersistentVolume"), "can't have its volume", "can't have its volume"),
    (
        re.compile(r"anti-affinity|topology spread"),
        "has processes already from which it must keep apart",
        "have processes already from which it must keep apart",
    ),
    (re.compile(r"affinity|selector"), "is not among those asked for", "are not among those asked for"),
    (re.compile(r"free ports"), "has its port in use already", "have its port in use already"),
)


def found(process: Process) -> Iterator[Finding]:
    placed = processes.condition(process.pod, "PodScheduled")
    if processes.status(process.pod).get("phase") not in (None, "Pending") or placed.get("status") == "True":
        return
    if (process.pod.get("spec") or {}).get("nodeName"):
        return
    since = placed.get("lastTransitionTime") or process.pod["metadata"]["creationTimestamp"]
    seconds = ADDING_SECONDS if process.last_event(*ADDING) else UNPLACED_SECONDS if placed else UNSEEN_SECONDS
    if (process.age(since) or 0.0) < process.patience(seconds):
        return
    event = process.last_event("FailedScheduling") or {}
    words = placed.get("message") or event.get("message") or placed.get("reason") or ""
    yield _finding(process, words, since)


def lacks(words: str) -> Object:
    """`{"nodes": 3, "lacks": {"Insufficient cpu": 2, "Too many pods": 1}}`; {} of other words."""
    match = NODES.search(words)
    if not match:
        return {}
    told = REST.split(words[match.end() :], maxsplit=1)[0].rstrip(". ")
    parts = (PART.fullmatch(part.strip()) for part in re.split(r", (?=\d+ )", told))
    return {"nodes": int(match[1]), "lacks": {part[2]: int(part[1]) for part in parts if part}}


def in_words(found: Object) -> str:
    """`of 3 nodes, 2 have too little CPU left and 1 is not ready`; "" without parts."""
    parts = [_part(reason, count) for reason, count in found.get("lacks", {}).items()]
    return f"of {plural(found['nodes'], 'node')}, {listed(parts)}" if parts else ""


def _part(reason: str, count: int) -> str:
    for said, one, many in WORDS:
        if match := said.search(reason):
            return f"{count} " + (one if count == 1 else many).format(*match.groups())
    return f"{count}: {reason}"


def _finding(process: Process, words: str, since: str) -> Finding:
    read = lacks(words)
    spec = process.pod.get("spec") or {}
    asks = resources(next(iter(spec.get("containers") or []), {}), "requests")
    lacking = "Insufficient" in words
    asked = [cpus(asks["cpu"])] if lacking and "cpu" in asks else []
    asked += [f"{asks['memory']} memory"] if lacking and "memory" in asks else []
    told = in_words(read) or REST.split(words, maxsplit=1)[0] or "the scheduler has not looked at it yet"
    return process.finding(
        "unschedulable",
        f"{process.name} finds no place in the cluster: {told}." + (f" It asks for {listed(asked)}." if asked else ""),
        meaning.place_hint(words, process.service) if words else "See whether the cluster's scheduler runs.",
        values={**read, "asks": asks, "message": words},
        page=process.known.paths.get("processes", ""),
        since=since,
    )
