"""The diagnoses of what a real cluster did: the true cause comes first, and of what goes well nothing is said.

A verdict and a diagnosis agree: the first finding's entry names the verdict's cause, when it falls and at the end.
"""

import json
import random
from itertools import cycle

import pytest

from releases.pipeline.diagnosis import Changes, Known, LogOf
from releases.pipeline.diagnosis.catalogue import BY_CODE
from tests import replay
from tests.diagnosed import findings_at, moments
from tests.replay import Write, judge, judge_job
from tests.test_health_recorded import DOOMED, GOOD, JOBS, RECORDED
from tests.test_health_variants import coalesced, other_clock, other_names, sparse, walked

FIRST = {
    "bad-command": "command_not_found",
    "config-error": "config_missing",
    "crash-loop": "crash_loop",
    "image-never-pull": "image_never_pull",
    "image-pull-denied": "image_denied",
    "image-pull-dns": "registry_unreachable",
    "image-pull-error": "image_not_found",
    "image-pull-tls-mismatch": "registry_unreachable",
    "invalid-image-name": "image_name_invalid",
    "liveness-failing": "liveness_killed",
    "oom-killed": "out_of_memory",
    "quota-exceeded": "quota_exceeded",
    "readiness-failing": "not_ready",
    "rollback-mid-rollout": "crash_loop",
    "unschedulable": "unschedulable",
}
FIRST_OF_JOBS = {
    "job-bad-image": "image_not_found",
    "job-deadline": "command_late",
    "job-failure": "command_failed",
    "job-retries": "command_failed",
}
NEVER_ILL = ("first-deploy", "recreate-strategy", "rolling-update", "slow-start", "scale", "apiserver-restart")


def agrees(finding, verdict):
    assert BY_CODE[finding.code].verdict == verdict.cause
    assert finding.severity == "error" and finding.hint and verdict.process in (finding.subject.name, "")


def changed(lines, change):
    return [{**line, "object": change(line["object"])} for line in lines]


def replaced(lines, words):
    def change(obj):
        text = json.dumps(obj)
        for before, after in words.items():
            text = text.replace(json.dumps(before)[1:-1], json.dumps(after)[1:-1])
        return json.loads(text)

    return changed(lines, change)


# --- What goes wrong ------------------------------------------------------------------------------------------------


def test_every_recording_is_diagnosed():
    assert set(FIRST) == set(DOOMED) | {"liveness-failing"}
    assert set(FIRST_OF_JOBS) == set(JOBS)


@pytest.mark.parametrize("scenario", sorted(FIRST))
def test_the_first_finding_is_the_cause_when_the_verdict_falls_and_at_the_end(scenario):
    fall = judge(scenario, rules=RECORDED, liveness=30 if scenario == "liveness-failing" else 0)
    first, *_ = findings_at(replay.recorded(scenario), fall.at)
    assert first.code == FIRST[scenario]
    agrees(first, fall.verdict)
    if scenario not in GOOD:  # somebody undid it
        last, *_ = findings_at(replay.recorded(scenario))
        assert last.code == FIRST[scenario] and last.severity == "error"


@pytest.mark.parametrize("scenario", sorted(FIRST_OF_JOBS))
def test_of_a_command_too(scenario):
    fall = judge_job(scenario)
    for at in (fall.at, None):
        first, *_ = findings_at(replay.recorded(scenario), at)
        assert first.code == FIRST_OF_JOBS[scenario]
        assert BY_CODE[first.code].verdict == fall.verdict.cause
        assert (first.subject.kind, first.subject.name) == ("command", "migrate")


@pytest.mark.parametrize(
    ("scenario", "words"),
    {
        "bad-command": "there is no /no/such/binary in the image",
        "config-error": "the Secret no-such-secret does not exist",
        "image-pull-error": "finds no image localhost:5005/demo:nope in its registry",
        "oom-killed": "more memory than its limit of 32Mi",
        "readiness-failing": "HTTP probe failed with statuscode: 500",
        "liveness-failing": "liveness check failed: HTTP probe failed with statuscode: 500",
        "unschedulable": "of 1 node, 1 has too little CPU left. It asks for 1000 CPUs",
        "job-failure": "exited with 3",
        "job-deadline": "did not end within 5 s",
    }.items(),
    ids=lambda value: value if "-" in value and " " not in value else "",
)
def test_it_is_said_in_words(scenario, words):
    assert words in findings_at(replay.recorded(scenario))[0].observed


def test_the_raw_values_and_the_events_stand_beside_it():
    first = findings_at(replay.recorded("unschedulable"))[0]
    assert first.values["nodes"] == 1 and first.values["lacks"] == {"Insufficient cpu": 1}
    assert {event.reason for event in first.events} == {"FailedScheduling"}
    crashed = findings_at(replay.recorded("crash-loop"))[0]
    assert (crashed.values["exit_code"], crashed.values["exits"]) == (1, 4)


# --- What goes well -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", NEVER_ILL)
def test_of_what_goes_well_nothing_is_said_at_any_moment(scenario):
    said = {at: found for at, found in moments(replay.recorded(scenario)) if found}
    assert said == {}


def test_of_a_command_that_ends_well_neither():
    assert [found for _, found in moments(replay.recorded("job-success")) if found] == []


def test_nor_once_what_went_wrong_was_undone():
    undone = replay.writes("rollback-mid-rollout")[1].at
    said = [found for at, found in moments(replay.recorded("rollback-mid-rollout")) if at > undone and found]
    assert said == []


@pytest.mark.parametrize(("scenario", "as_null"), list(zip(NEVER_ILL, cycle([True, False]), strict=False)))
def test_nor_where_the_cluster_says_it_a_little_differently(scenario, as_null):
    """Written variants: fields null or left out, states that no watch showed, other names."""
    lines = changed(replay.recorded(scenario), sparse(as_null))
    lines = coalesced(changed(lines, other_names(scenario, "failed", "r.io/denied")), random.Random(9))
    said = {at: [(it.code, it.observed) for it in found] for at, found in moments(lines) if found}
    assert said == {}


def test_a_container_that_a_mesh_adds_is_nobodys_fault():
    """Written: a sidecar that crashes stands in each process of a good rollout, and in no template."""
    dead = {"terminated": {"exitCode": 1, "reason": "Error"}}
    sidecar = {"name": "proxy", "restartCount": 4, "ready": True, "state": dead, "lastState": dead}

    def change(obj):
        if obj.get("kind") == "Pod" and (obj.get("status") or {}).get("containerStatuses"):
            obj["status"]["containerStatuses"].append(sidecar)
        return obj

    assert [found for _, found in moments(changed(replay.recorded("rolling-update"), change)) if found] == []


# --- The same, told a little differently ----------------------------------------------------------------------------


@pytest.mark.parametrize("as_null", [True, False])
@pytest.mark.parametrize("scenario", sorted(set(FIRST) - set(GOOD) | set(FIRST_OF_JOBS)))
def test_the_cause_is_found_whatever_else_is_told(scenario, as_null):
    """Written variants: fields null or left out, other names, a cluster with a clock of its own."""
    lines = changed(changed(replay.recorded(scenario), sparse(as_null)), other_clock(300))
    lines = changed(lines, other_names(scenario, "failed", "quay.io/denied/timeout"))
    assert findings_at(lines)[0].code == {**FIRST, **FIRST_OF_JOBS}[scenario]


def test_a_registry_where_nobody_listens():
    """Written from image-pull-dns: the words of a refused connection."""
    words = {
        "dial tcp: lookup registry.invalid on 10.255.255.53:53: no such host": "dial tcp 127.0.0.1:5999: connect: "
        "connection refused",
        "registry.invalid": "localhost:5999",
    }
    lines = replaced(replay.recorded("image-pull-dns"), words)
    fall = judge("image-pull-dns", rules=RECORDED, lines=lines)
    for at in (fall.at, None):
        first, *_ = findings_at(lines, at)
        assert (first.code, first.values["registry"]) == ("registry_unreachable", "localhost:5999")
        agrees(first, fall.verdict)


def test_a_volume_whose_secret_is_missing():
    """Written from config-error: the node waits before it makes the container, and says FailedMount."""
    said = 'MountVolume.SetUp failed for volume "c" : secret "no-such-secret" not found'

    def change(value):
        if isinstance(value, dict) and value.get("reason") == "CreateContainerConfigError":
            return {"reason": "ContainerCreating"}
        if isinstance(value, dict) and value.get("reason") == "Failed":
            return {**value, "reason": "FailedMount", "message": said}
        return value

    lines = [
        line
        for line in changed(replay.recorded("config-error"), lambda obj: walked(obj, change))
        if line["object"].get("reason") not in ("Pulled", "Created", "Started")
    ]
    fall = judge("config-error", rules=RECORDED, lines=lines)
    for at in (fall.at, None):
        first, *_ = findings_at(lines, at)
        assert (first.code, first.values["volume"], first.values["name"]) == ("volume_stuck", "c", "no-such-secret")
        agrees(first, fall.verdict)


def test_a_container_that_runs_before_the_main_one_and_fails():
    """Written from crash-loop: what crashes is an init container."""
    lines = changed(replay.recorded("crash-loop"), _with_init)
    [write] = replay.writes("crash-loop")
    fall = judge("crash-loop", _ours(write, {"main", "migrate"}), rules=RECORDED, lines=lines)
    for at in (fall.at, None):
        first, *_ = findings_at(lines, at)
        assert (first.code, first.subject.container, first.values["exit_code"]) == ("init_failing", "migrate", 1)
        agrees(first, fall.verdict)


def _ours(write, names):
    return Write(write.at, write.generation, write.desired, write.uid, ours=frozenset(names))


def _with_init(obj):
    spec = (obj.get("spec") or {}).get("template", {}).get("spec") if obj.get("kind") != "Pod" else obj["spec"]
    crashes = "CRASH" in json.dumps(spec or {})
    if crashes:
        spec["initContainers"] = [{"name": "migrate", "image": "demo"}]
    if crashes and obj["kind"] == "Pod" and obj["status"].get("containerStatuses"):
        [status] = obj["status"]["containerStatuses"]
        waits = {**status, "state": {"waiting": {"reason": "PodInitializing"}}, "lastState": {}, "restartCount": 0}
        obj["status"] |= {
            "phase": "Pending",
            "initContainerStatuses": [{**status, "name": "migrate"}],
            "containerStatuses": [waits],
        }
    return obj


def test_a_service_that_ends_as_if_its_work_were_done():
    """Written from crash-loop: it exits with 0."""

    def change(value):
        ended = isinstance(value, dict) and value.get("exitCode") == 1
        return {**value, "exitCode": 0, "reason": "Completed"} if ended else value

    lines = changed(replay.recorded("crash-loop"), lambda obj: walked(obj, change))
    fall = judge("crash-loop", rules=RECORDED, lines=lines)
    first, *_ = findings_at(lines, fall.at)
    assert first.code == "completed" and "foreground" in first.hint
    agrees(first, fall.verdict)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("exec /app/run: exec format error", "exec_format"),
        ('exec: "/app/run": permission denied', "not_executable"),
        ('exec: "gunicorn": executable file not found in $PATH', "command_not_found"),
    ],
)
def test_a_program_that_can_not_be_started(said, code):
    """Written from bad-command: other words of the same runtime."""
    words = {'exec: "/no/such/binary": stat /no/such/binary: no such file or directory': said}
    lines = replaced(replay.recorded("bad-command"), words)
    fall = judge("bad-command", rules=RECORDED, lines=lines)
    first, *_ = findings_at(lines, fall.at)
    assert first.code == code
    agrees(first, fall.verdict)


# --- What its last lines say -----------------------------------------------------------------------------------------


def test_the_variable_that_the_release_removed_is_named_as_the_likely_cause():
    lines = replay.recorded("crash-loop")
    process = findings_at(lines)[0].subject.name
    said = ("Traceback (most recent call last):", "KeyError: 'QUEUE_URL'")
    known = Known(
        app="shop",
        variables=frozenset({"PORT"}),
        changes=Changes("R1", "R2", variables_removed=("QUEUE_URL",)),
        paths={"env": "/apps/shop/environment"},
    )
    first = findings_at(lines, known=known, logs={LogOf(process, "web", True): said})[0]
    assert first.likely == "Likely: QUEUE_URL is missing: this release removed it, and the last lines name it."
    assert (first.command, first.page) == ("deployer env set QUEUE_URL=… -a shop", "/apps/shop/environment")
    assert first.lines[0].previous and first.lines[0].lines == said
