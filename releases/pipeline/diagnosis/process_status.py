"""How a process is, in one word and in the cluster's own. Pure; a pod is tame (`shapes`)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from releases.pipeline import causes, meaning, processes
from releases.pipeline.diagnosis.reading import moment
from releases.pipeline.diagnosis.report import InitLine
from releases.pipeline.diagnosis.reported import Object

# The most telling first.
STATUSES = (
    "out-of-memory",
    "crash-loop",
    "completed",
    "image",
    "config",
    "start",
    "evicted",
    "pending",
    "not-ready",
    "unknown",
    "pulling",
    "starting",
    "stopping",
    "ready",
)
OF_FAMILY = {"pull": "image", "config": "config", "start": "start"}
# Kubernetes forgets a crash loop once a container has run for so long.
FORGOTTEN_AFTER = timedelta(minutes=10)
UNREADY_AFTER = timedelta(seconds=causes.UNREADY_SECONDS)
WORDS_MAX = 300
INIT_MAX = 10


def status(pod: Object, *, ours: Collection[str], now: datetime, exits_before: int = 0, pulling: bool = False) -> str:
    """One of STATUSES. `exits_before`: those that do not count. `pulling`: events tell so, and of no end of it."""
    about = processes.status(pod)
    if about.get("reason") in processes.EVICTED or processes.has(pod, "DisruptionTarget"):
        return "evicted"
    if processes.is_ending(pod):
        return "stopping"
    if processes.is_ready(pod):
        return "ready"
    if processes.is_over(pod):
        return "completed" if about.get("phase") == "Succeeded" else "evicted"
    if about.get("phase") == "Unknown":
        return "unknown"
    return _on_its_way(pod, ours, now, exits_before, pulling)


def _on_its_way(pod: Object, ours: Collection[str], now: datetime, exits_before: int, pulling: bool) -> str:
    ailment = processes.ailment(pod, ours=ours)
    if ailment:
        return OF_FAMILY[ailment.family]
    if is_placeless(pod):
        return "pending"
    if processes.exits(pod, ours=ours) > exits_before and _crashed_lately(pod, ours, now):
        last = processes.last_exit(pod, ours=ours)
        if last.get("reason") == "OOMKilled":
            return "out-of-memory"
        return "crash-loop" if last.get("exitCode") else "completed"
    if processes.preparing(pod, ours=ours) or not processes.runs(pod, ours=ours):
        return "pulling" if pulling else "starting"
    began = running_since(pod, ours)
    return "not-ready" if began and now - began > UNREADY_AFTER else "starting"


def is_placeless(pod: Object) -> bool:
    """No node has been found for it."""
    return processes.condition(pod, "PodScheduled").get("status") == "False"


def running_since(pod: Object, ours: Collection[str]) -> datetime | None:
    """When the last of its containers of ours began to run; None when none runs."""
    found = [container.get("state", {}).get("running", {}).get("startedAt") for container in _containers(pod, ours)]
    return max(filter(None, (moment(text) for text in found)), default=None)


def words(pod: Object, *, ours: Collection[str]) -> str:
    """What the cluster says of one that is neither ready nor ending, at most 300 characters."""
    if processes.is_ready(pod) or processes.is_ending(pod):
        return ""
    ailment, ended = processes.ailment(pod, ours=ours), processes.last_exit(pod, ours=ours)
    about, unplaced = processes.status(pod), processes.condition(pod, "PodScheduled")
    said = (
        (ailment and _said(ailment.reason, ailment.message))
        or _said(about.get("reason"), about.get("message"))
        or (ended and processes.exit_words(ended))
        or processes.waiting_words(pod, ours=ours)
        or (is_placeless(pod) and _said(unplaced.get("reason"), unplaced.get("message")))
    )
    return meaning.cut(said or "", WORDS_MAX)


def init_lines(pod: Object, *, ours: Collection[str]) -> tuple[InitLine, ...]:
    """Of its containers of ours that run before the main one."""
    found = [item for item in processes.status(pod).get("initContainerStatuses") or [] if item.get("name") in ours]
    return tuple(_init_line(pod, item) for item in found[:INIT_MAX])


def restarts(pod: Object, *, ours: Collection[str]) -> int:
    return sum(container.get("restartCount") or 0 for container in _containers(pod, ours))


def ready(pod: Object, *, ours: Collection[str]) -> str:
    """`1/1`: of its main containers of ours, of which only the specification tells before the node does."""
    wanted = {item.get("name") for item in (pod.get("spec") or {}).get("containers") or []} & set(ours)
    found = [item for item in processes.status(pod).get("containerStatuses") or [] if item.get("name") in ours]
    return f"{sum(bool(item.get('ready')) for item in found)}/{max(len(wanted), len(found), 1)}"


def _crashed_lately(pod: Object, ours: Collection[str], now: datetime) -> bool:
    """Or has not begun anew since."""
    container = processes.container(pod, processes.failing(pod, ours=ours))
    if "running" not in (container.get("state") or {}):
        return True
    ended = moment(processes.last_exit(pod, ours=ours).get("finishedAt"))
    return ended is None or now - ended < FORGOTTEN_AFTER


def _init_line(pod: Object, found: Object) -> InitLine:
    name, state = found["name"], found.get("state") or {}
    ended, ailment = processes.last_exit(pod, ours={name}), processes.ailment(pod, ours={name})
    if "running" in state:
        status, said = "running", ""
    elif ailment:
        status, said = "failing", _said(ailment.reason, ailment.message)
    elif "terminated" in state and not ended.get("exitCode"):
        status, said = "done", ""
    elif ended:
        status, said = "failing", processes.exit_words(ended)
    else:
        status, said = "waiting", (state.get("waiting") or {}).get("reason") or ""
    return InitLine(name, status, found.get("restartCount") or 0, meaning.cut(said, WORDS_MAX))


def _said(reason: str | None, message: str | None) -> str:
    return ": ".join(filter(None, (reason, message)))


def _containers(pod: Object, ours: Collection[str]) -> list[Object]:
    found = processes.status(pod)
    both = (found.get("initContainerStatuses") or []) + (found.get("containerStatuses") or [])
    return [item for item in both if item.get("name") in ours]
