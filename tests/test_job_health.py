"""Judging a release command: it ran well, once, to its own end; or it failed, and why."""

from datetime import UTC, datetime, timedelta

import pytest

from releases.pipeline import job_health
from releases.pipeline.service_state import Rules
from tests.test_health import ended, pod, waiting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
RULES = Rules(deadline=0, exits=1)
DNS = ("ErrImagePull", "dial tcp: lookup registry.invalid: no such host")


def job(*conditions, timeout=300, retries=0):
    status = {"conditions": [{"type": kind, "status": "True", "reason": reason} for kind, reason in conditions]}
    return {
        "metadata": {"uid": "job"},
        "spec": {"backoffLimit": retries, "activeDeadlineSeconds": timeout},
        "status": status,
    }


def judged(of, *pods, seconds=0.0, first_seen=None, rules=RULES):
    now = NOW + timedelta(seconds=seconds)
    return job_health.assess_job(of, list(pods), rules=rules, first_seen=first_seen or {}, now=now)


def stopped(process, *, asked="2026-11-21T12:00:30Z", grace=30):
    """Told to go; `asked` is when it must be gone, at the latest."""
    process["metadata"] |= {"deletionTimestamp": asked, "deletionGracePeriodSeconds": grace}
    return process


def finished(code, at="2026-11-21T12:00:05Z", reason="Error"):
    return {"terminated": {"exitCode": code, "reason": "Completed" if code == 0 else reason, "finishedAt": at}}


@pytest.mark.parametrize("process", [pod(), waiting("ContainerCreating"), {"metadata": {"uid": "x", "name": "x"}}])
def test_what_runs_or_is_about_to_is_awaited(process):
    assert judged(job(), process).status == "progressing"
    assert judged(job()).status == "progressing"


def test_it_is_over_when_our_container_ended_well_whatever_a_sidecar_does():
    with_mesh = pod(state=finished(0))
    with_mesh["status"]["containerStatuses"].append({"name": "mesh-proxy", "state": {"running": {}}, "restartCount": 0})
    assert judged(job(), with_mesh).status == "complete"


def test_a_sidecar_that_crashes_is_not_our_command():
    with_mesh = pod()
    with_mesh["status"]["containerStatuses"].append({"name": "mesh-proxy", "state": ended(1), "restartCount": 9})
    assert judged(job(), with_mesh).status == "progressing"


def test_the_jobs_word_counts_when_its_pod_is_not_shown():
    assert judged(job(("SuccessCriteriaMet", "x"), ("Complete", "CompletionsReached"))).status == "complete"
    verdict = judged(job(("FailureTarget", "BackoffLimitExceeded")))
    assert (verdict.status, verdict.cause) == ("failed", "release_command")
    assert "BackoffLimitExceeded" in verdict.reason


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (finished(3), "exited with 3"),
        (finished(137, reason="OOMKilled"), "more memory than its limit"),
        (finished(139), "SIGSEGV"),
    ],
)
def test_an_exit_that_is_not_zero_fails(state, words):
    verdict = judged(job(), pod(state=state))
    assert verdict.cause == "release_command" and words in verdict.reason
    assert (verdict.process, verdict.container) == ("web-1", "main")


@pytest.mark.parametrize("conditions", [(), (("Complete", "CompletionsReached"),)])
def test_a_program_that_exits_with_zero_when_it_is_told_to_stop_has_failed(conditions):
    verdict = judged(job(*conditions), stopped(pod(state=finished(0))))
    assert verdict.status == "failed" and "was stopped before it had ended" in verdict.reason


def test_nor_is_it_a_success_where_a_job_grants_another_try():
    assert judged(job(retries=1), stopped(pod(state=finished(0)))).status == "progressing"


def test_one_that_was_put_off_its_node_has_failed_too():
    evicted = pod(state=finished(0), reason="Evicted")
    assert "was stopped" in judged(job(("Complete", "x")), evicted).reason


def test_one_that_had_ended_before_its_pod_was_deleted_is_good():
    late = stopped(pod(state=finished(0, at="2026-11-21T12:00:05Z")), asked="2026-11-21T12:09:00Z")
    assert judged(job(), late).status == "complete"


def test_while_it_is_being_stopped_the_jobs_word_is_awaited():
    """Its time-out deletes the pod a moment before the Job says so."""
    assert judged(job(), stopped(pod())).status == "progressing"
    verdict = judged(job(("FailureTarget", "DeadlineExceeded"), timeout=5), stopped(pod()))
    assert "did not end within 5 s" in verdict.reason and "release.timeout" in verdict.hint


def test_what_is_being_stopped_can_not_run_for_that_reason():
    assert judged(job(), stopped(waiting("InvalidImageName"))).status == "progressing"


def test_retries_that_a_job_grants_are_awaited():
    assert judged(job(retries=1), pod("a", state=finished(1))).status == "progressing"
    assert judged(job(retries=1), pod("a", state=finished(1)), pod("b", state=finished(1))).status == "failed"


@pytest.mark.parametrize(
    ("sick", "cause"),
    [
        (waiting("ErrImagePull", "x: not found"), "pull"),
        (waiting("InvalidImageName"), "pull"),
        (waiting("ImagePullBackOff", "Back-off pulling image"), "pull"),
        (waiting("CreateContainerConfigError", 'secret "x" not found'), "config"),
        (pod(state=ended(128, "StartError", "no such file or directory")), "start"),
    ],
)
def test_what_can_not_run_fails_as_a_service_does(sick, cause):
    verdict = judged(job(), sick)
    assert verdict.cause == cause and "The release command can't" in verdict.reason


def test_what_may_heal_has_its_time_from_when_it_was_first_seen():
    seen = job_health.sightings({}, [waiting(*DNS)], NOW)
    assert judged(job(), waiting(*DNS), seconds=59, first_seen=seen).status == "progressing"
    assert judged(job(), waiting(*DNS), seconds=60, first_seen=seen).cause == "pull"
    assert judged(job(), waiting(*DNS), seconds=5, first_seen=seen, rules=Rules(0, 1, pull=5)).cause == "pull"
    later = job_health.sightings(seen, [waiting(*DNS)], NOW + timedelta(seconds=9))
    assert later == seen
    assert job_health.sightings(seen, [pod()], NOW) == {}
