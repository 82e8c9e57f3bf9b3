"""Diagnoses of recordings: what would have been said at each instant of what a real cluster did.

`python -m tests.replay diagnose <scenario or path of a .jsonl>` prints them. The objects are taken as they were
recorded: which containers count is found from the recorded Deployment, or Job, itself.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from releases.clients.mirror import View
from releases.pipeline.diagnosis import Finding, Known, LogOf, Reported, diagnose
from tests import replay
from tests.replay import Told

Object = dict[str, Any]
Logs = Mapping[LogOf, tuple[str, ...]]
NOTHING, NO_LOGS = Known(), dict[LogOf, tuple[str, ...]]()


def began(lines: Iterable[Object]) -> datetime:
    """The cluster's time at second 0: nothing is told before it happens."""
    return max(time - timedelta(seconds=line["t"]) for line in lines for time in _times(line["object"]))


def moments(
    lines: list[Object], *, known: Known = NOTHING, logs: Logs = NO_LOGS, told: Told | None = None
) -> Iterator[tuple[float, list[Finding]]]:
    """After each line, and four times a second in between."""
    start = began(lines)
    for at, view in replay.instants(lines, told):
        yield at, diagnose(reported(view, start + timedelta(seconds=at), logs), known)


def findings_at(
    lines: list[Object],
    at: float | None = None,
    *,
    known: Known = NOTHING,
    logs: Logs = NO_LOGS,
    told: Told | None = None,
) -> list[Finding]:
    """At that second; without one, at the end: before what was recorded is cleared away."""
    at = _end(lines) if at is None else at
    world = replay.World(told)
    for line in lines:
        if line["t"] <= at:
            world.see(line)
    return diagnose(reported(world.view(), began(lines) + timedelta(seconds=at), logs), known)


def reported(view: View, now: datetime, logs: Logs = NO_LOGS) -> Reported:
    return Reported(
        now,
        deployments=view.deployments,
        replica_sets=view.replica_sets,
        pods=view.pods,
        jobs=view.jobs,
        events=view.events,
        logs=logs,
        unread=dict.fromkeys(("Service", "Ingress", "HorizontalPodAutoscaler", "PodDisruptionBudget"), "not asked"),
    )


def _end(lines: list[Object]) -> float:
    """The recorder removes a Job when it has seen its end."""
    gone = [line["t"] for line in lines if line["kind"] == "Job" and line["type"] == "DELETED"]
    return min(gone) - 0.01 if gone else float(lines[-1]["t"])


def _times(obj: Any) -> Iterator[datetime]:
    """That the cluster wrote when something happened: a time of deletion is one to come."""
    if isinstance(obj, dict):
        for key, value in obj.items():
            if key != "deletionTimestamp":
                yield from _times(value)
    elif isinstance(obj, list):
        for item in obj:
            yield from _times(item)
    elif isinstance(obj, str) and len(obj) > 18 and obj[4] == "-" and obj[10] == "T":
        try:
            time = datetime.fromisoformat(obj)
        except ValueError:
            return
        if time.tzinfo:
            yield time


# --- For a look at one ----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.replay")
    looks = parser.add_subparsers(dest="look", required=True)
    look = looks.add_parser("diagnose", help="print what is found in a recording")
    look.add_argument("recording", help="a scenario, or the path of a .jsonl")
    look.add_argument("--at", type=float, metavar="SECONDS", help="of the recording; its end without")
    look.add_argument("--every", action="store_true", help="at each instant at which the findings change")
    look.add_argument("--container", metavar="NAME", help="of ours, where the recorded Deployment has several")
    look.add_argument("--label", metavar="KEY=VALUE", help="of the processes of ours")
    look.add_argument("--json", action="store_true", help="whole findings")
    wanted = parser.parse_args()
    lines = _lines(wanted.recording)
    told = _told(wanted.container, wanted.label, lines)
    if not wanted.every:
        _show(findings_at(lines, wanted.at, told=told), wanted.json)
        return
    before: list[tuple[str, str]] | None = None
    for at, findings in moments(lines, told=told):
        now = [(finding.code, finding.severity) for finding in findings]
        if now != before:
            print(f"--- {at:.2f} s")
            _show(findings, wanted.json)
        before = now


def _lines(recording: str) -> list[Object]:
    path = Path(recording)
    return replay.json_lines(path) if path.suffix == ".jsonl" else replay.recorded(recording)


def _told(container: str | None, label: str | None, lines: list[Object]) -> Told | None:
    """None: as it was recorded. Of a label and a container only one may be given; the recording has the other."""
    if not container and not label:
        return None
    kinds = [line["object"] for line in lines if line["kind"] in ("Deployment", "Job") and line["type"] != "BOOKMARK"]
    template = kinds[0]["spec"]["template"]
    key, _, value = (label or "").partition("=")
    labels = template["metadata"].get("labels") or {"": ""}
    return Told(
        container or template["spec"]["containers"][0]["name"], (key, value) if key else next(iter(labels.items()))
    )


def _show(findings: list[Finding], whole: bool) -> None:
    if whole:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
        return
    for finding in findings:
        subject = ", ".join(filter(None, (finding.subject.name, finding.subject.container)))
        more = f" (and {finding.others_count} more)" if finding.others_count else ""
        print(f"{finding.severity:7} {finding.code}: {subject}{more}")
        for words in filter(
            None, (finding.observed, f"→ {finding.hint}", finding.likely, finding.command, finding.page)
        ):
            print(f"        {words}")
        for written in finding.lines:
            print("\n".join(f"        | {line}" for line in written.lines[-5:]))
    if not findings:
        print("nothing is wrong")
