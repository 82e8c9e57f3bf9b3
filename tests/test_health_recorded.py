"""The verdicts on what a real cluster did: which, why, and after how many seconds."""

import pytest

from releases.pipeline import health
from releases.pipeline.service_state import Rules
from tests import replay
from tests.replay import Write, judge, judge_job

# The limits of the recordings: progressDeadlineSeconds 30.
RECORDED = Rules(deadline=30, exits=health.EXITS)
SOON = 2.0  # seconds from the event that dooms to the verdict

# Scenario → the second of the event that dooms by the table, its cause, and words of the reason.
DOOMED = {
    "bad-command": (1.41, "start", "no such file or directory"),
    "config-error": (1.81, "config", 'secret "no-such-secret" not found'),
    "crash-loop": (3.15, "exits", "exited with 1; it has ended twice."),
    "image-never-pull": (1.18, "pull", "is not present with pull policy of Never"),
    "image-pull-denied": (2.01, "pull", "pull access denied"),
    "image-pull-dns": (12.69, "pull", "no such host"),
    "image-pull-error": (1.31, "pull", "localhost:5005/demo:nope: not found"),
    "image-pull-tls-mismatch": (13.59, "pull", "first record does not look like a TLS handshake"),
    "invalid-image-name": (1.79, "pull", "must be lowercase"),
    "oom-killed": (4.42, "out_of_memory", "more memory than its limit"),
    "quota-exceeded": (2.62, "quota", "exceeded quota"),
    "readiness-failing": (30.56, "never_ready", "HTTP probe failed with statuscode: 500"),
    "rollback-mid-rollout": (3.09, "exits", "exited with 1"),
    "unschedulable": (30.59, "unschedulable", "Insufficient cpu"),
}
# Scenario → which of its writes, and the second at which the recorder saw it complete.
GOOD = {
    "first-deploy": (0, 0.747),
    "recreate-strategy": (0, 2.167),
    "rollback-mid-rollout": (1, 7.194),
    "rolling-update": (0, 2.391),
    "slow-start": (0, 17.73),
}


@pytest.mark.parametrize("scenario", sorted(DOOMED))
def test_a_bad_rollout_is_doomed_by_its_event_and_not_before(scenario):
    event, cause, words = DOOMED[scenario]
    found = judge(scenario, rules=RECORDED)
    assert (found.verdict.status, found.verdict.cause) == ("failed", cause)
    assert words in found.verdict.reason and found.verdict.hint
    assert event - 0.02 <= found.at <= event + SOON


@pytest.mark.parametrize("scenario", sorted(GOOD))
def test_a_good_rollout_is_complete_when_the_cluster_says_so_and_not_before(scenario):
    write, second = GOOD[scenario]
    found = judge(scenario, write, rules=RECORDED)
    assert found.verdict.status == "complete"
    assert second - 0.05 <= found.at <= second + 0.05


def test_every_recording_is_replayed():
    there = {path.name.removesuffix(".jsonl") for path in replay.RECORDINGS.glob("*.jsonl")}
    rollouts = {name for name in there if f"{name}.actions" in there and not name.startswith("job-")}
    others = {"scale", "liveness-failing", "delete-deployment"}  # below, each in a test of its own
    assert rollouts == set(DOOMED) | set(GOOD) | others


def test_without_the_generation_it_would_be_complete_before_it_began():
    """What the generation is for: the watch still shows the old, finished rollout."""
    [write] = replay.writes("rolling-update")
    assert judge("rolling-update", Write(write.at, 1, 3)).at < 0.6


def test_on_the_first_deploy_of_an_app_it_dooms_at_the_third_exit():
    found = judge("crash-loop", first=True)
    assert found.verdict.cause == "exits" and "ended 3 times" in found.verdict.reason
    assert found.at > judge("crash-loop").at


def test_a_process_that_never_gets_ready_has_all_of_its_deadline():
    found = judge("readiness-failing", rules=Rules(deadline=20, exits=2))
    assert "did not become ready within 20 s" in found.verdict.reason
    assert 20.5 <= found.at < 21.2
    assert judge("readiness-failing").verdict.status == "progressing"  # ten minutes are not over when it ends


def test_a_registry_that_can_not_be_reached_has_as_long_as_the_manifest_says():
    found = judge("image-pull-dns", rules=Rules(deadline=600, exits=2, pull=5))
    assert found.verdict.cause == "pull" and 6 < found.at < 6.5
    patient = judge("image-pull-dns", rules=Rules(deadline=600, exits=2, pull=300))
    assert patient.verdict.status == "progressing"


def test_the_words_name_the_process_and_its_container():
    verdict = judge("crash-loop").verdict
    assert verdict.process.startswith("web-") and verdict.process in verdict.reason
    assert (verdict.service, verdict.container) == ("web", "main")


# --- Liveness: it completes first, and is killed later ---------------------------------------------------------------


def test_with_a_liveness_check_the_first_kill_after_completion_dooms():
    found = judge("liveness-failing", rules=RECORDED, liveness=30)
    assert (found.verdict.status, found.verdict.cause) == ("failed", "liveness")
    assert 4.94 < found.at < 4.95 + SOON


def test_without_one_it_is_complete_before_the_first_kill():
    found = judge("liveness-failing", rules=RECORDED)
    assert found.verdict.status == "complete" and found.at < 2


def test_while_it_rolls_the_second_kill_of_one_process_dooms():
    """Another process of the release is still awaited: three are asked for, and two came."""
    [write] = replay.writes("liveness-failing")
    found = judge("liveness-failing", Write(write.at, write.generation, 3), rules=RECORDED)
    rolling = judge("liveness-failing", Write(write.at, write.generation, 3), rules=RECORDED, lines=_of_three())
    assert found.verdict.status == "complete"  # somebody scaled down meanwhile: two are what is asked for now
    assert (rolling.verdict.status, rolling.verdict.cause) == ("failed", "liveness")
    assert "killed twice because its liveness check failed" in rolling.verdict.reason
    assert 8.94 < rolling.at < 8.95 + SOON


def _of_three():
    for line in replay.recorded("liveness-failing"):
        if line["kind"] == "Deployment" and line["type"] != "BOOKMARK":
            line["object"]["spec"]["replicas"] = 3
        yield line


# --- Somebody else's hand -------------------------------------------------------------------------------------------


def test_a_deployment_that_somebody_deletes_is_named_at_once():
    found = judge("delete-deployment", Write(0.3, 3, 2))  # a write that it never got to see
    assert (found.verdict.status, found.verdict.cause) == ("failed", "deleted")
    assert 0.55 < found.at < 0.56 + SOON


def test_scaling_is_complete_when_all_are_there_and_no_verdict_of_doom():
    up = judge("scale", Write(0.560, 2, 5))
    assert up.verdict.status == "complete" and 0.9 < up.at < 1.3
    down = judge("scale", Write(2.213, 3, 2))
    assert down.verdict.status == "complete"


def test_the_template_that_a_later_write_replaced_is_no_longer_ours():
    first, second = replay.writes("rollback-mid-rollout")
    found = judge("rollback-mid-rollout", first, rules=Rules(deadline=600, exits=100))
    assert (found.verdict.status, found.verdict.cause) == ("failed", "edited")
    assert second.at - 0.05 < found.at < second.at + SOON


def test_an_api_server_that_is_away_for_a_minute_dooms_nothing():
    found = judge("apiserver-restart", Write(0.0, 1, 2))
    assert found.verdict.status == "complete"
    waiting = judge("apiserver-restart", Write(0.05, 2, 2))
    assert waiting.verdict.status == "progressing"


# --- Release commands -----------------------------------------------------------------------------------------------

JOBS = {
    "job-bad-image": (1.17, "pull", "localhost:5005/demo:nope: not found"),
    "job-deadline": (5.12, "release_command", "did not end within 5 s"),
    "job-failure": (1.61, "release_command", "exited with 3"),
    "job-retries": (12.73, "release_command", "exited with 3"),
}


@pytest.mark.parametrize("scenario", sorted(JOBS))
def test_a_release_command_that_fails(scenario):
    event, cause, words = JOBS[scenario]
    found = judge_job(scenario)
    assert (found.verdict.status, found.verdict.cause) == ("failed", cause)
    assert words in found.verdict.reason and found.verdict.hint
    assert found.verdict.process.startswith("migrate-") and found.verdict.container == "main"
    assert event - 0.02 <= found.at <= event + SOON


def test_a_release_command_that_succeeds():
    found = judge_job("job-success")
    assert found.verdict.status == "complete" and 1.86 <= found.at < 3.2
