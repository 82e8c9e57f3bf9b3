"""Jobs and CronJobs, with pods whose kubelet is the test."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from localcluster.controllers import schedule
from tests.localcluster.conftest import eventually
from tests.localcluster.stage import Stage, condition, open_stage, wait_for_pods

JOBS, CRON = "batch/v1/jobs", "batch/v1/cronjobs"


@pytest.fixture
def stage(api: httpx.Client, namespace: str) -> Iterator[Stage]:
    with open_stage(api, namespace) as found:
        yield found


def job(stage: Stage, name: str = "migrate", restart: str = "Never", **spec: Any) -> None:
    template = {"spec": stage.pod_spec(restartPolicy=restart)}
    stage.make(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template, **spec}})


def status(stage: Stage, name: str = "migrate") -> dict[str, Any]:
    return dict(stage.get(JOBS, name)["status"])


def types(stage: Stage, name: str = "migrate") -> list[tuple[str, str]]:
    return [(found["type"], found["status"]) for found in status(stage, name).get("conditions") or []]


def only_pod(stage: Stage) -> str:
    return str(wait_for_pods(stage, 1)[0]["metadata"]["name"])


def test_a_job_succeeds_in_the_recorded_steps(stage: Stage) -> None:
    job(stage)
    pod = only_pod(stage)
    started = eventually(lambda: status(stage))
    assert {key: started[key] for key in started if key != "startTime"} == {
        "active": 1,
        "terminating": 0,
        "ready": 0,
        "uncountedTerminatedPods": {},
    }
    stage.play(pod, "Running")
    eventually(lambda: status(stage)["ready"] == 1)
    stage.play(pod, "Succeeded")
    eventually(lambda: len(types(stage)) == 2)
    assert types(stage) == [("SuccessCriteriaMet", "True"), ("Complete", "True")]
    ended = status(stage)
    assert (ended["succeeded"], ended["ready"], ended["uncountedTerminatedPods"]) == (1, 0, {})
    assert ended["completionTime"] and "active" not in ended and "failed" not in ended
    assert "finalizers" not in stage.get("pods", pod)["metadata"]
    assert eventually(lambda: len(found := stage.reasons("migrate")) == 2 and found) == [
        ("SuccessfulCreate", f"Created pod: {pod}"),
        ("Completed", "Job completed"),
    ]


def test_a_failed_pod_is_replaced_until_the_limit(stage: Stage) -> None:
    job(stage, backoffLimit=1)
    first = only_pod(stage)
    stage.play(first, "Failed", exit_code=3)
    eventually(lambda: len(stage.pods()) == 2)
    assert status(stage)["failed"] == 1
    second = next(pod["metadata"]["name"] for pod in stage.pods() if pod["metadata"]["name"] != first)
    stage.play(second, "Failed", exit_code=3)
    eventually(lambda: len(types(stage)) == 2)
    assert types(stage) == [("FailureTarget", "True"), ("Failed", "True")]
    assert status(stage)["failed"] == 2
    failed = condition(stage.get(JOBS, "migrate"), "Failed")
    words = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert (failed["reason"], failed["message"]) == words
    assert eventually(lambda: stage.reasons("migrate")[-1] == words)


def test_a_deadline_ends_the_pod_before_the_job(stage: Stage) -> None:
    job(stage)
    pod = only_pod(stage)
    stage.play(pod, "Running")
    stage.patch(JOBS, "migrate", {"spec": {"activeDeadlineSeconds": 1}})
    eventually(lambda: types(stage) == [("FailureTarget", "True")])
    assert (status(stage)["terminating"], status(stage)["failed"]) == (1, 1)
    stage.delete("pods", pod, gracePeriodSeconds=0)
    eventually(lambda: types(stage) == [("FailureTarget", "True"), ("Failed", "True")])
    assert (status(stage)["terminating"], status(stage)["failed"]) == (0, 1)
    assert [reason for reason, _ in stage.reasons("migrate")] == [
        "SuccessfulCreate",
        "SuccessfulDelete",
        "DeadlineExceeded",
    ]


def test_several_completions_run_side_by_side(stage: Stage) -> None:
    job(stage, parallelism=2, completions=3)
    for pod in wait_for_pods(stage, 2):
        stage.play(pod["metadata"]["name"], "Succeeded")
    eventually(lambda: len(stage.pods()) == 3 and status(stage).get("succeeded") == 2)
    last = next(pod for pod in stage.pods() if pod["status"]["phase"] == "Pending")
    stage.play(last["metadata"]["name"], "Succeeded")
    eventually(lambda: types(stage)[-1:] == [("Complete", "True")])
    assert status(stage)["succeeded"] == 3


def test_a_suspended_job_starts_when_it_is_resumed(stage: Stage) -> None:
    job(stage, suspend=True)
    eventually(lambda: types(stage) == [("Suspended", "True")])
    assert "startTime" not in status(stage) and not stage.pods()
    stage.patch(JOBS, "migrate", {"spec": {"suspend": False}})
    only_pod(stage)
    assert types(stage) == [("Suspended", "False")]
    stage.patch(JOBS, "migrate", {"spec": {"suspend": True}})
    eventually(lambda: "active" not in status(stage))
    found = [reason for reason, _ in stage.reasons("migrate")]
    assert found == ["Suspended", "SuccessfulCreate", "Resumed", "SuccessfulDelete"]


def test_restarts_count_where_the_kubelet_restarts(stage: Stage) -> None:
    job(stage, restart="OnFailure", backoffLimit=2)
    pod = only_pod(stage)
    stage.play(pod, "Running", restarts=1)
    eventually(lambda: status(stage).get("ready") == 1)
    stage.play(pod, "Running", restarts=2)
    eventually(lambda: types(stage)[:1] == [("FailureTarget", "True")])
    assert condition(stage.get(JOBS, "migrate"), "FailureTarget")["reason"] == "BackoffLimitExceeded"


def test_a_failure_policy_ends_a_job_or_ignores_a_failure(stage: Stage) -> None:
    rules = [
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
        {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
    ]
    job(stage, backoffLimit=3, podFailurePolicy={"rules": rules})
    first = only_pod(stage)
    stage.play(first, "Failed", exit_code=7)
    eventually(lambda: len(stage.pods()) == 2)
    assert "failed" not in status(stage)
    second = next(pod["metadata"]["name"] for pod in stage.pods() if pod["metadata"]["name"] != first)
    stage.play(second, "Failed", exit_code=42)
    eventually(lambda: types(stage)[-1:] == [("Failed", "True")])
    place = f"{stage.namespace}/{second}"
    message = f"Container main for pod {place} failed with exit code 42 matching FailJob rule at index 1"
    found = condition(stage.get(JOBS, "migrate"), "Failed")
    assert (found["reason"], found["message"]) == ("PodFailurePolicy", message)


def test_a_finished_job_goes_after_its_time(stage: Stage) -> None:
    job(stage, ttlSecondsAfterFinished=1)
    stage.play(only_pod(stage), "Succeeded")
    eventually(lambda: stage.find(JOBS, "migrate") is None and not stage.pods())


def test_pods_that_outlive_their_job_are_let_go(stage: Stage) -> None:
    job(stage)
    pod = only_pod(stage)
    stage.delete(JOBS, "migrate", propagationPolicy="Orphan")
    eventually(lambda: not {"finalizers", "ownerReferences"} & set(stage.get("pods", pod)["metadata"]))


# CronJobs


def cron(stage: Stage, expression: str = "0 0 1 1 *", name: str = "tick", **spec: Any) -> None:
    template = {"spec": {"backoffLimit": 0, "template": {"spec": stage.pod_spec(restartPolicy="Never")}}}
    body = {"schedule": expression, "suspend": True, "jobTemplate": template, **spec}
    stage.make(CRON, {"metadata": {"name": name}, "spec": body})


def miss(stage: Stage, name: str = "tick") -> None:
    """Lets a suspended CronJob find that it should have run since the year before last, and lets it go on."""
    past = f"{datetime.now(UTC).year - 2}-06-01T00:00:00Z"
    stage.patch(CRON, name, {"status": {"lastScheduleTime": past}}, "/status")
    stage.patch(CRON, name, {"spec": {"suspend": False}})


def test_a_missed_time_is_made_good_once(stage: Stage) -> None:
    cron(stage)
    miss(stage)
    made = eventually(lambda: stage.list(JOBS))[0]
    due = eventually(lambda: stage.get(CRON, "tick")["status"].get("active") and stage.get(CRON, "tick")["status"])
    moment = datetime.fromisoformat(due["lastScheduleTime"])
    assert made["metadata"]["name"] == f"tick-{int(moment.timestamp()) // 60}"
    assert made["metadata"]["annotations"] == {
        "batch.kubernetes.io/cronjob-scheduled-timestamp": due["lastScheduleTime"]
    }
    assert [owner["kind"] for owner in made["metadata"]["ownerReferences"]] == ["CronJob"]
    assert [found["name"] for found in due["active"]] == [made["metadata"]["name"]]
    assert stage.reasons("tick") == [("SuccessfulCreate", f"Created job {made['metadata']['name']}")]
    stage.play(only_pod(stage), "Succeeded")
    eventually(lambda: stage.get(CRON, "tick")["status"].get("lastSuccessfulTime"))
    assert "active" not in stage.get(CRON, "tick")["status"]
    words = f"Saw completed job: {made['metadata']['name']}, condition: Complete"
    assert ("SawCompletedJob", words) in stage.reasons("tick")


def test_a_missed_time_beyond_its_deadline_stays_missed(stage: Stage) -> None:
    cron(stage, startingDeadlineSeconds=10)
    miss(stage)
    cron(stage, name="patient", startingDeadlineSeconds=10**15)
    miss(stage, "patient")
    eventually(lambda: stage.list(JOBS))
    assert [found["metadata"]["ownerReferences"][0]["name"] for found in stage.list(JOBS)] == ["patient"]


@pytest.mark.parametrize(("policy", "reason"), [("Forbid", "JobAlreadyActive"), ("Replace", "SuccessfulDelete")])
def test_a_run_that_still_goes_on(stage: Stage, policy: str, reason: str) -> None:
    cron(stage, concurrencyPolicy=policy)
    miss(stage)
    first = eventually(lambda: stage.get(CRON, "tick")["status"].get("active"))[0]["name"]
    stage.patch(CRON, "tick", {"spec": {"suspend": True}})
    stage.patch(CRON, "tick", {"spec": {"schedule": "0 0 2 1 *"}})
    miss(stage)
    message = eventually(lambda: next((words for why, words in stage.reasons("tick") if why == reason), None))
    names = [found["metadata"]["name"] for found in stage.list(JOBS)]
    if policy == "Forbid":
        assert message == "Not starting job because prior execution is running and concurrency policy is Forbid"
        assert names == [first]
    else:
        assert message == f"Deleted job {first}"
        eventually(lambda: [found["metadata"]["name"] for found in stage.list(JOBS)] not in ([], [first]))


def test_old_jobs_are_forgotten(stage: Stage) -> None:
    cron(stage, failedJobsHistoryLimit=0)
    miss(stage)
    stage.play(only_pod(stage), "Failed", exit_code=1)
    eventually(lambda: not stage.list(JOBS))
    assert "SuccessfulDelete" in [reason for reason, _ in stage.reasons("tick")]


@pytest.mark.parametrize("expression", ["61 * * * *", "* * * *", "@sometimes", "*/0 * * * *"])
def test_what_is_no_time_is_no_schedule(expression: str) -> None:
    with pytest.raises(schedule.Unparseable):
        schedule.parse(expression, None)


def test_times_follow_their_zone_and_its_clock_changes() -> None:
    found = schedule.parse("30 8 * * 1-5", "Europe/Berlin")
    start = datetime(2026, 3, 27, 12, tzinfo=UTC)
    times = found.times_after(start)
    assert [next(times).isoformat() for _ in range(2)] == ["2026-03-30T06:30:00+00:00", "2026-03-31T06:30:00+00:00"]
    assert found.latest_before(start) == datetime(2026, 3, 27, 7, 30, tzinfo=UTC)
    with pytest.raises(schedule.UnknownZone):
        schedule.parse("* * * * *", "Europe/Atlantis")
    assert schedule.parse("@every 1h30m", None).next_after(start) == start + timedelta(minutes=90)


def test_only_the_latest_of_many_missed_times_counts() -> None:
    now = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
    minutely = schedule.parse("* * * * *", None)
    assert schedule.missed(minutely, now - timedelta(seconds=29), now) == (None, False)
    assert schedule.missed(minutely, now - timedelta(minutes=3), now) == (now.replace(second=0), False)
    assert schedule.missed(minutely, now - timedelta(days=300), now) == (now.replace(second=0), True)
