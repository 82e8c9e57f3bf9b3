"""Read the last lines that matter: of what fails first, of the run that failed and of the one before, side by side."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

from releases.clients.cluster import Cluster
from releases.errors import ClusterError
from releases.logs import Mask, clean
from releases.pipeline import last_lines, processes
from releases.pipeline.diagnosis import LogOf, Options, Reported
from releases.pipeline.diagnosis.reading import moment

Object = dict[str, Any]
LOGS_MAX, AT_ONCE = 24, 8
SECONDS = 2.0
BYTES_MAX, LINE_MAX = 256 * 1024, 2000
FEW = 20  # lines
STARTING_SECONDS = 20  # for so long a process that is not ready yet is only on its way


@dataclass(frozen=True)
class Tails:
    """`unread`: in words how many could not be had and why, "" if none. `forbidden`: for want of a right."""

    logs: Mapping[LogOf, tuple[str, ...]] = field(default_factory=dict)
    unread: str = ""
    forbidden: bool = False


def read(
    cluster: Cluster, namespace: str, pods: Sequence[Object], wanted: list[LogOf], mask: Mask, *, lines: int
) -> Tails:
    """Of `wanted`, which are of these pods. Never raises for what the cluster does; takes no longer than SECONDS."""
    if not wanted or not lines:
        return Tails()
    until = time.monotonic() + SECONDS
    named = {processes.name(pod): pod for pod in pods}

    def tail(log: LogOf) -> tuple[str, ...]:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return _tail(cluster, namespace, named[log.process], log, mask, lines=lines, seconds=left)

    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="examine-log")
    try:
        asked = {log: pool.submit(tail, log) for log in wanted}
        wait(asked.values(), SECONDS)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return _taken(asked)


def wanted(reported: Reported, options: Options) -> list[LogOf]:
    """At most LOGS_MAX, those of what fails first; of the services by turns, so that each is heard."""
    chosen: dict[str, list[list[LogOf]]] = {}
    now = reported.now
    pods = sorted(reported.pods, key=lambda pod: (_rank(pod, now, options), processes.name(pod)))
    for pod in pods:
        service = processes.service(pod)
        if _rank(pod, now, options) < UNWANTED and (not options.services or service in options.services):
            chosen.setdefault(service, []).append(list(_of(pod, options)))
    by_turns = (logs for turn in zip_longest(*chosen.values(), fillvalue=[]) for logs in turn)
    return [log for logs in by_turns for log in logs][:LOGS_MAX]


# --- Which ----------------------------------------------------------------------------------------------------------

FAILING, WAITING, NEW, WELL, UNWANTED = range(5)


def _rank(pod: Object, now: datetime, options: Options) -> int:
    if processes.status(pod).get("phase") == "Succeeded":
        return UNWANTED
    if processes.exits(pod) or processes.ailment(pod):
        return FAILING
    age = now - (moment(pod["metadata"].get("creationTimestamp")) or now)
    if not processes.is_ready(pod) and not processes.is_over(pod):
        return WAITING if age > timedelta(seconds=STARTING_SECONDS) else NEW
    if age < timedelta(seconds=options.age):
        return NEW
    return WELL if options.everything else UNWANTED


def _of(pod: Object, options: Options) -> Iterator[LogOf]:
    """Those of its containers that were got to run, what runs before the main one first."""
    name, status = processes.name(pod), processes.status(pod)
    init = [found for found in status.get("initContainerStatuses") or [] if not _ended_well(found)]
    for found in [*init, *(status.get("containerStatuses") or [])]:
        container, state = found.get("name") or "", found.get("state") or {}
        if container not in _ours(pod):
            continue
        if state.get("running") or state.get("terminated"):
            yield LogOf(name, container)
        # While the next run waits, its own last words are those of the run before.
        if (found.get("lastState") or {}).get("terminated") and (options.previous or state.get("waiting")):
            yield LogOf(name, container, previous=True)


def _ended_well(found: Object) -> bool:
    ended = (found.get("state") or {}).get("terminated") or {}
    return bool(ended) and not ended.get("exitCode")


def _ours(pod: Object) -> set[str]:
    """What a mesh adds is not ours. Of a pod that somebody else made all are."""
    spec = pod.get("spec") or {}
    names = {item.get("name", "") for key in ("containers", "initContainers") for item in spec.get(key) or []}
    return (names & processes.OURS) or names


# --- Their lines ----------------------------------------------------------------------------------------------------


def _tail(
    cluster: Cluster, namespace: str, pod: Object, log: LogOf, mask: Mask, *, lines: int, seconds: float
) -> tuple[str, ...]:
    """Raises ClusterError."""

    def last(count: int) -> list[str]:
        return last_lines.of_run(
            cluster,
            namespace,
            pod,
            log.container,
            previous=log.previous,
            tail=count,
            seconds=seconds,
            size=BYTES_MAX,
        )

    read = last(lines)
    if lines > FEW and _size(read) >= BYTES_MAX:
        read = last(FEW)  # of what is too much the cluster gives the beginning, and the end is what matters
    if _size(read) >= BYTES_MAX:
        read = [*read[:-1], mask.hide_part(read[-1])]  # cut off within it
    narrow = mask.narrowed(read)
    return tuple(clean(narrow.hide(line))[:LINE_MAX] for line in read)


def _size(lines: list[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines) + 8  # a sign that was cut through counts otherwise


def _taken(asked: Mapping[LogOf, "Future[tuple[str, ...]]"]) -> Tails:
    logs: dict[LogOf, tuple[str, ...]] = {}
    failed: list[str] = []
    forbidden = False
    for log, future in asked.items():
        try:
            logs[log] = future.result(timeout=0)
        except ClusterError as error:
            failed.append(f"{log.process}/{log.container}: {error.message}")
            forbidden = forbidden or error.status == 403
        except (TimeoutError, CancelledError):
            failed.append(f"{log.process}/{log.container}: it did not come in time")
    words = f"{len(failed)} of {len(asked)}, such as {failed[0]}"[:500] if failed else ""
    return Tails(logs, words, forbidden)
