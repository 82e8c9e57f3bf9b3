"""Diagnoses written by hand, for what shows them."""

from datetime import UTC, datetime
from typing import Any

from releases.pipeline.diagnosis import Finding, Lines, Report, Subject, Told
from releases.pipeline.diagnosis.report import InitLine, ProcessLine, ServiceLine

AT = "2026-03-18T14:31:10+00:00"
CRASHED = "worker-5d9c7-x2x8k"
TRACE = ("Traceback (most recent call last):", '  File "worker.py", line 3, in <module>', "KeyError: 'QUEUE_URL'")
HOSTILE = "<script>alert(1)</script>&\x1b[31m"


def healthy(**changes: Any) -> Report:
    services = (ServiceLine("web", 4, 4, "running", ("RZYXWVUTSRQ",)), ServiceLine("worker", 2, 2, "running"))
    return _report(**{"services": services, **changes})


def crash_loop(**changes: Any) -> Report:
    lines = (Lines(CRASHED, "main", True, TRACE),)
    finding = Finding(
        "crash_loop",
        Subject("process", CRASHED, "worker", "main"),
        "It exited with 1 after 2 s, for the fifth time, and waits 80 s for the next try.",
        "Set QUEUE_URL and promote again.",
        values={"exitCode": 1, "restartCount": 5, "waiting": {"reason": "CrashLoopBackOff"}},
        likely="Likely: QUEUE_URL is in RZYXWVUTSRQ, which worked, and is not among this release's variables.",
        command="deployer env set QUEUE_URL=… -a shop",
        page="/apps/shop/env",
        events=(Told(f"Pod/{CRASHED}", "BackOff", "Back-off restarting failed container main", count=7, last=AT),),
        lines=lines,
        others=("worker-5d9c7-b7c2k",),
        others_count=1,
        since="2026-03-18T14:30:51+00:00",
    )
    services = (ServiceLine("web", 4, 4, "running"), ServiceLine("worker", 2, 0, "failing", ("RBCDEFGHIJK",)))
    created = "2026-03-18T14:30:51Z"
    process = ProcessLine(
        CRASHED, "worker", "crash-loop", "0/1", 5, created, finding.observed, "RBCDEFGHIJK", "node-1", True, logs=lines
    )
    second = ProcessLine("worker-5d9c7-b7c2k", "worker", "crash-loop", "0/1", 4, created, "It exited with 1.")
    events = (*finding.events, Told("ReplicaSet/web-1", "SuccessfulCreate", "Created pod: web-1-a", "Normal", 1, AT))
    given = {"findings": (finding,), "services": services, "processes": (process, second), "events": events}
    return _report(**{**given, **changes})


def many() -> Report:
    """All kinds, hostile names, and more processes than are shown."""
    known = crash_loop()
    findings = (
        *known.findings,
        Finding(
            "unschedulable",
            Subject("process", "web-745f845dc-rzl2q", "web"),
            "No node has room for it: 3 nodes lack memory (it asks for 8192 MiB).",
            "Ask for less memory, or add a node.",
            values={"web-745f845dc-rzl2q": "0/3 nodes are available: 3 Insufficient memory."},
            command="deployer scale web --memory=512 -a shop",
            others=tuple(f"web-745f845dc-{number:05}" for number in range(20)),
            others_count=57,
        ),
        Finding(
            "not_ready",
            Subject("process", HOSTILE, "web", "main"),
            f"{HOSTILE} answers its health check with 503.",
            f"Read {HOSTILE}.",
            "warning",
            values={HOSTILE: HOSTILE},
            page="//evil.example/",
            events=(Told(HOSTILE, HOSTILE, HOSTILE),),
            lines=(Lines(HOSTILE, HOSTILE, False, (HOSTILE, "x" * 500) * 500),),
        ),
        Finding(
            "volumes_orphaned",
            Subject("volume", "data-old"),
            "The volume data-old is used by no service any more.",
            "Delete it once nobody needs it.",
            "info",
        ),
    )
    init = (InitLine("migrate", "failing", 3, "It exited with 3."),)
    processes = tuple(
        ProcessLine(f"web-745f845dc-{number:05}", "web", "pending", "0/1", 0, AT, "No node has room.", init=init)
        for number in range(198)
    )
    services = (ServiceLine("web", 500, 2, "stalled", ("RBCDEFGHIJK", "RZYXWVUTSRQ"), True), *known.services[1:])
    return _report(
        findings=findings,
        services=services,
        processes=(*known.processes, *processes),
        events=known.events * 20,
        omitted={"processes": 300, "events": 4960, "findings": 2},
        unread={"HorizontalPodAutoscaler": "forbidden: autoscaling"},
    )


def _report(**given: Any) -> Report:
    known = {"app": "shop", "at": datetime.now(UTC).isoformat(), "cluster": "local", "rollout": 3}
    return Report(**{**known, "release": "RZYXWVUTSRQ", **given})
