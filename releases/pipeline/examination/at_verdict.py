"""The diagnosis of a rollout at the moment of its verdict, of what its worker has seen: to be read a month later.

The cluster is not asked again: what has to be brought back must not wait for it.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.utils import timezone

from releases.logs import Mask, clean
from releases.models import LogLine, Rollout
from releases.pipeline import command_output, manifests, processes
from releases.pipeline.diagnosis import Finding, Known, LogOf, Options, Report, Reported, RolloutKnown, Subject
from releases.pipeline.examination import knowledge, masked, report
from releases.pipeline.examination.objects import FIELDS, told_at
from releases.pipeline.examination.surroundings import troubles_around
from releases.pipeline.ground import Ground
from releases.pipeline.health import Verdict
from releases.pipeline.ownership import controller

logger = logging.getLogger(__name__)
Object = dict[str, Any]
BYTES_MAX = 256 * 1024
LINES, LINE_MAX = 20, 2000
EVENTS, PODS = 300, 200
NOT_ASKED = "not asked while a rollout fails"
SEEN = ("Deployment", "ReplicaSet", "Pod", "Job", "Event")


def diagnosed(
    ground: Ground, verdict: Verdict, evidence: Sequence[str] = (), pods: Sequence[Object] = ()
) -> Object | None:
    """As JSON, at most BYTES_MAX of it. `evidence`: the last lines of the container that failed. `pods`: that were
    seen, and may be gone by now.

    None where that failed: what goes wrong here must not hold up the rollout.
    """
    return _stored(ground.rollout, lambda: _report(ground, verdict, evidence, pods))


def untaken(rollout: Rollout, reason: str) -> Object | None:
    """Of one that no worker has taken: of the cluster nothing is known."""
    reported = Reported(now=timezone.now(), unread=dict.fromkeys(FIELDS, NOT_ASKED))
    verdict = Verdict("failed", "untaken", reason)

    def made() -> Report:
        mask = Mask.of(rollout.release, rollout.previous)
        known, around = _known(rollout, verdict), troubles_around(rollout.app)
        return report.made(reported, known, around, Options(), mask=mask, cluster=rollout.app.cluster.name)

    return _stored(rollout, made)


def _stored(rollout: Rollout, made: Callable[[], Report]) -> Object | None:
    try:
        return _bounded(made())
    except Exception:
        logger.exception("%s could not be diagnosed", rollout)
        return None


def _report(ground: Ground, verdict: Verdict, evidence: Sequence[str], pods: Sequence[Object]) -> Report:
    seen = ground.mirror.seen(ground.namespace)
    here = set(map(processes.uid, seen.pods))
    gone = [pod for pod in pods if processes.uid(pod) not in here]
    reported = Reported(
        now=ground.cluster.now(),
        deployments=seen.deployments,
        replica_sets=seen.replica_sets,
        pods=gone + _failing_first(seen.pods)[:PODS],
        jobs=seen.jobs,
        events=sorted(seen.events, key=told_at)[-EVENTS:],
        unread={kind: NOT_ASKED for kind in FIELDS if kind not in SEEN or kind not in ground.mirror.known},
    )
    reported = replace(masked.objects(reported, ground.mask), logs=_logs(reported, ground, verdict, evidence))
    known = _known(ground.rollout, verdict)
    assert known.rollout is not None
    cluster = ground.rollout.app.cluster.name
    made = report.made(reported, known, (), Options(lines=LINES), mask=ground.mask, cluster=cluster)
    if any(finding.severity == "error" for finding in made.findings) or known.rollout.status == "failed":
        return made
    return replace(made, findings=(_verdict_itself(ground, verdict), *made.findings))


def _verdict_itself(ground: Ground, verdict: Verdict) -> Finding:
    """Where no process and no service shows it: an abort, a refusal, a fault of our own."""
    rollout = ground.rollout
    return Finding(
        "rollout_failed",
        Subject("rollout", str(rollout.number), verdict.service),
        ground.clean(verdict.reason),
        ground.clean(verdict.hint),
        severity="warning",
        values={"cause": verdict.cause},
        page=rollout.get_absolute_url(),
    )


def _failing_first(pods: list[Object]) -> list[Object]:
    return sorted(pods, key=processes.is_ready)


def _logs(
    reported: Reported, ground: Ground, verdict: Verdict, evidence: Sequence[str]
) -> dict[LogOf, tuple[str, ...]]:
    if not (verdict.process and evidence):
        return _of_command(reported, ground.rollout)
    container = verdict.container or manifests.CONTAINER
    pod = next((pod for pod in reported.pods if processes.name(pod) == verdict.process), None)
    previous = pod is not None and processes.ended_before(pod, container)
    lines = tuple(clean(ground.mask.hide(line))[:LINE_MAX] for line in evidence[-LINES:])
    return {LogOf(verdict.process, container, previous): lines}


def _of_command(reported: Reported, rollout: Rollout) -> dict[LogOf, tuple[str, ...]]:
    """What the release command wrote is in the rollout's log already, masked."""
    pods = [pod for pod in reported.pods if controller(pod, "Job") == rollout.progress.get("job", "none")]
    if not pods:
        return {}
    told = LogLine.objects.filter(owner=rollout.owner, stream=command_output.STREAM).order_by("-number")
    lines = tuple(line[:LINE_MAX] for line in told.values_list("message", flat=True)[:LINES])[::-1]
    return {LogOf(processes.name(pods[-1]), manifests.CONTAINER): lines} if lines else {}


def _known(rollout: Rollout, verdict: Verdict) -> Known:
    """Where nothing was changed it is over now, though that is not written yet."""
    release = rollout.release
    judged = RolloutKnown(
        number=rollout.number,
        status=rollout.status if rollout.status in ("rolling", "paused") or rollout.inherits_change else "failed",
        release=release.pk,
        previous=rollout.previous_id or "",
        cause=verdict.cause,
        reason=verdict.reason,
        hint=verdict.hint,
        step=knowledge.reached(rollout),
    )
    return Known(
        app=rollout.app.name,
        release=release.pk,
        active=rollout.previous_id or "",
        manifest=release.manifest,
        variables=frozenset(release.variables()),
        changes=knowledge.changes(rollout),
        rollout=judged,
        baseline=knowledge.baseline(rollout),
        written=knowledge.written(rollout),
        paths=knowledge.paths(rollout.app, rollout, release),
    )


# --- Its size -------------------------------------------------------------------------------------------------------


def _bounded(made: Report) -> Object:
    """What is least missed goes first, until it fits."""
    for cut in CUTS:
        made = cut(made)
        text = json.dumps(made.as_json(), allow_nan=False)
        if len(text.encode()) <= BYTES_MAX:
            return json.loads(text)
    raise ValueError(f"a diagnosis of {len(text)} signs does not fit")


def _first_processes(made: Report) -> Report:
    kept, more = made.processes[:30], len(made.processes) - 30
    omitted = {**made.omitted, "processes": made.omitted.get("processes", 0) + more} if more > 0 else made.omitted
    return replace(made, processes=kept, omitted=omitted)


CUTS: tuple[Callable[[Report], Report], ...] = (
    lambda made: made,
    lambda made: replace(made, events=made.events[:20]),
    _first_processes,
    lambda made: replace(made, processes=tuple(replace(line, logs=()) for line in made.processes)),
    lambda made: replace(made, findings=tuple(replace(f, events=f.events[-2:]) for f in made.findings[:20])),
    lambda made: replace(made, findings=made.findings[:3], events=(), processes=(), services=made.services[:50]),
)
