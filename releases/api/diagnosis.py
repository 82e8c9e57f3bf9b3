"""Why is it not running: what is wrong, why, and what to do; now, or as it was when a rollout failed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Path, Query, Router
from pydantic import BaseModel, Field

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.lookups import find_app, find_rollout, missing
from releases.models import Rollout
from releases.pipeline.diagnosis.report import AGE_MAX, AGE_SECONDS, CHECKS, LINES, LINES_MAX, Options

router = Router()
FAILED = ("failed", "rolled_back")
CHECK = f"({'|'.join(CHECKS)})"


def said(words: str) -> Any:
    return Field(description=words)


class FindingSubject(BaseModel):
    """What a finding is about."""

    kind: Literal["process", "service", "command", "rollout", "app", "cluster", "deployer", "ingress", "volume"]
    name: str
    service: Annotated[str, said("of which it is a part; empty: of none")]
    container: Annotated[str, said("of a process, one of the release's own")]


class ClusterEvent(BaseModel):
    """An event of the cluster, in its own words."""

    object: str
    reason: str
    message: str
    type: str
    count: Annotated[int, said("how often it was told")]
    last: Annotated[str, said("when it was told last, as the cluster wrote it")]


class ContainerLines(BaseModel):
    """The last lines that a container wrote, values of variables replaced by their names."""

    process: str
    container: str
    previous: Annotated[bool, said("in the run before this one")]
    lines: list[str]


class Finding(BaseModel):
    """One thing that is wrong. docs/diagnostics.md has every code, with cause and remedy."""

    code: str
    severity: Literal["error", "warning", "info"]
    subject: FindingSubject
    observed: Annotated[str, said("what was seen, a sentence")]
    values: Annotated[dict[str, Any], said("the same as the cluster reported it")]
    hint: Annotated[str, said("what to do, a sentence")]
    likely: Annotated[str, said("what may explain it and is not certain; empty: nothing is known")]
    command: Annotated[str, said("what does it in a terminal")]
    page: Annotated[str, said("the path of the page that does it")]
    events: list[ClusterEvent]
    lines: list[ContainerLines]
    others: Annotated[list[str], said("further ones with the same trouble, the first 20")]
    others_count: Annotated[int, said("how many further ones there are")]
    since: Annotated[str, said("RFC 3339; empty: not known")]


class ServiceState(BaseModel):
    service: str
    desired: int
    ready: int
    status: Literal["running", "deploying", "stalled", "failing", "stopped"]
    releases: Annotated[list[str], said("those that its processes run, the newest process's first")]
    autoscaled: bool


class InitContainer(BaseModel):
    """A container that runs before the main one."""

    container: str
    status: Literal["waiting", "running", "done", "failing"]
    restarts: int
    words: Annotated[str, said("what the cluster says of it")]


class ProcessState(BaseModel):
    process: str
    service: str
    status: Literal[
        "ready",
        "starting",
        "not-ready",
        "pending",
        "pulling",
        "image",
        "config",
        "start",
        "crash-loop",
        "out-of-memory",
        "completed",
        "evicted",
        "stopping",
        "unknown",
    ]
    ready: Annotated[str, said("containers of the release: `1/1`")]
    restarts: int
    created_at: Annotated[str, said("RFC 3339; empty: not known")]
    hint: Annotated[str, said("of its first finding, else what the cluster says of it")]
    release: str
    node: Annotated[str, said("empty before it has a place")]
    new: Annotated[bool, said("younger than `age`")]
    init: list[InitContainer]
    logs: Annotated[list[ContainerLines], said("of the run before this one, and of this one")]


class Diagnosis(BaseModel):
    """The findings, the most important first, and the services, processes and events that they were found in."""

    app: str
    at: datetime
    cluster: str
    release: Annotated[str, said("that runs, or is rolled out; empty: none yet")]
    rollout: Annotated[int | None, said("the number of the newest")]
    healthy: Annotated[bool, said("nothing is found that is more than worth knowing")]
    findings: list[Finding]
    services: list[ServiceState]
    processes: Annotated[
        list[ProcessState], said("those that fail first; healthy ones that are not new only with `all`")
    ]
    events: Annotated[list[ClusterEvent], said("the newest first")]
    omitted: Annotated[dict[str, int], said("what is left out, and how many of them")]
    unread: Annotated[dict[str, str], said("what the cluster did not give, and why")]


@router.get("/diagnosis", response={200: Diagnosis, **documented(404)})
def diagnosis(
    request: Request,
    app_name: Path[str],
    service: Annotated[str, Query("", max_length=2000, description="only these, with commas between them")],
    checks: Annotated[
        str,
        Query(
            ",".join(CHECKS),
            pattern=rf"^{CHECK}(,{CHECK}){{0,9}}$",
            description="overview: services and processes; init: containers that run before the main one; "
            "services: what processes write",
        ),
    ],
    age: Annotated[
        int, Query(AGE_SECONDS, ge=0, le=AGE_MAX, description="a process is new for so many seconds, and shown")
    ],
    lines: Annotated[int, Query(LINES, ge=0, le=LINES_MAX, description="the last so many of each log")],
    everything: Annotated[bool, Query(False, alias="all", description="healthy processes that are not new, too")],
    events: Annotated[bool, Query(True)],
    previous: Annotated[bool, Query(True, description="what was written in the run before this one, too")],
) -> dict[str, Any]:
    """What is wrong with the app now, why, and what to do. That its cluster can't be reached is a finding, too."""
    options = Options(
        services=tuple(dict.fromkeys(filter(None, map(str.strip, service.split(","))))),
        checks=tuple(dict.fromkeys(checks.split(","))),
        age=age,
        lines=lines,
        everything=everything,
        events=events,
        previous=previous,
    )
    return actions.diagnose(find_app(app_name, by=request.actor), options, by=request.actor).as_json()


@router.get("/rollouts/{number}/diagnosis", response={200: Diagnosis, **documented(404)})
def rollout_diagnosis(request: Request, app_name: Path[str], number: Path[int]) -> dict[str, Any]:
    """As it was in the moment in which the rollout failed."""
    rollout = find_rollout(find_app(app_name, by=request.actor), number)
    found = actions.diagnosis_of(rollout, by=request.actor)
    if found is None:
        raise missing(f"Rollout {number} of {app_name} has no diagnosis: {_why_none(rollout)}.")
    return found


def _why_none(rollout: Rollout) -> str:
    if not rollout.is_finished:
        return "it runs still"
    return "none was stored when it failed" if rollout.status in FAILED else "it did not fail"
