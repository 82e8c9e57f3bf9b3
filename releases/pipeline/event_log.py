"""The cluster's events: which of them become lines of the log, and what they tell about a process. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from releases.clients.mirror import View
from releases.logs import Line

Object = dict[str, Any]
UNKNOWN_FOR = timedelta(seconds=1)


class EventLog:
    """Which events have been told. A worker that takes over starts anew: the log drops what it has by source key.

    `baseline`: event uid → its count before our first write. `ours`: uids of objects of ours that may be gone by now.
    """

    def __init__(self, baseline: Mapping[str, int], ours: Iterable[str] = ()) -> None:
        self.told = dict(baseline)
        self.ours: set[str] = set(ours)
        self.unknown: dict[str, datetime] = {}

    def lines(self, view: View, now: datetime) -> list[Line]:
        """A line for each new event about an object of ours; of repeats the first and each doubling."""
        for obj in view.deployments + view.replica_sets + view.pods + view.jobs:
            self.ours.add(obj["metadata"]["uid"])
        fresh = [event for event in view.events if self._is_news(event, now)]
        fresh.sort(key=when)
        for event in fresh:
            self.told[event["metadata"]["uid"]] = count(event)
            self.unknown.pop(event["metadata"]["uid"], None)
        return [_line(event) for event in fresh]

    def _is_news(self, event: Object, now: datetime) -> bool:
        uid = event["metadata"]["uid"]
        told = self.told.get(uid, 0)
        if told and count(event) < 2 * told:
            return False
        if about(event) in self.ours:
            return True
        # Its object may reach us a moment later; a stranger's never does.
        since = self.unknown.setdefault(uid, now)
        if now - since > UNKNOWN_FOR:
            self.told[uid] = count(event)
            del self.unknown[uid]
        return False


def count(event: Object) -> int:
    """The scheduler's events carry none."""
    return event.get("count") or (event.get("series") or {}).get("count") or 1


def event_counts(events: Iterable[Object]) -> dict[str, int]:
    return {event["metadata"]["uid"]: count(event) for event in events}


def about(event: Object) -> str:
    """The uid of the object that it speaks of."""
    return (event.get("involvedObject") or {}).get("uid") or ""


def words(event: Object) -> str:
    """In one line."""
    return " ".join((event.get("message") or event.get("reason") or "").split())


def when(event: Object) -> tuple[str, int]:
    """By the cluster's own clock, to the second; then by version, where those are numbers."""
    metadata = event["metadata"]
    observed = (event.get("series") or {}).get("lastObservedTime") or event.get("eventTime") or ""
    time = event.get("lastTimestamp") or observed or metadata.get("creationTimestamp") or ""
    version = metadata.get("resourceVersion") or ""
    return time[:19], int(version) if version.isdigit() else 0


def liveness_kills(events: Iterable[Object], told: Mapping[str, int], *, ours: Collection[str]) -> dict[str, int]:
    """Pod uid → how often its liveness check had a container of ours killed since `told`. No status says so.

    A kill may be told by several events: after ten alike, the cluster combines them into new ones.
    """
    kills: dict[str, int] = {}
    for event in events:
        if event.get("reason") == "Killing" and _is_liveness_kill(event, ours):
            more = count(event) - told.get(event["metadata"]["uid"], 0)
            if more > 0:
                kills[about(event)] = kills.get(about(event), 0) + more
    return kills


def last_warnings(events: Iterable[Object]) -> dict[str, str]:
    """Object uid → the words of the last warning about it; that it is tried again is no news."""
    warnings = [event for event in events if event.get("type") == "Warning" and event.get("reason") != "BackOff"]
    return {about(event): words(event) for event in sorted(warnings, key=when)}


def _is_liveness_kill(event: Object, ours: Collection[str]) -> bool:
    message = event.get("message") or ""
    if "liveness" not in message.lower():
        return False
    path = re.search(r"\{(.+)\}", (event.get("involvedObject") or {}).get("fieldPath") or "")
    named = path or re.search(r"[Cc]ontainer (\S+) failed", message)
    return named is None or named[1] in ours


def _line(event: Object) -> Line:
    key = f"{event['metadata']['uid']} {count(event)}"
    return Line(f"system/k8s/{(event.get('involvedObject') or {}).get('name') or '?'}", words(event), source_key=key)
