"""The verdicts on what a real cluster did: which, why, and after how many seconds."""

import pytest

from releases.pipeline import health
from releases.pipeline.health import Rules
from tests.replay import judge

# Scenario → second of the answer to the write (from the recorder's own notes), and the processes asked for.
UPDATES = {
    "crash-loop": 0.555,
    "readiness-failing": 0.555,
    "image-pull-error": 0.564,
    "image-pull-denied": 0.573,
    "bad-command": 0.590,
    "config-error": 0.570,
    "oom-killed": 0.556,
    "quota-exceeded": 2.593,
    "rollback-mid-rollout": 0.580,
    "slow-start": 0.554,
    "rolling-update": 0.565,
}


def fall(scenario, **given):
    desired = 3 if scenario in ("rolling-update", "slow-start") else 2
    return judge(scenario, **{"generation": 2, "desired": desired, "applied_at": UPDATES[scenario], **given})


@pytest.mark.parametrize("scenario", ["rolling-update", "slow-start"])
def test_a_good_update_is_complete_when_the_cluster_says_so_and_not_before(scenario):
    found = fall(scenario)
    assert found.verdict.status == "complete"
    recorded = {"rolling-update": 2.391, "slow-start": 17.726}[scenario]
    assert recorded - 0.5 < found.at < recorded + 0.3


def test_without_the_generation_it_would_be_complete_before_it_began():
    """What the generation is for: the watch still shows the old, finished rollout."""
    assert fall("rolling-update", generation=1).at < 0.6


def test_a_first_deploy_is_complete():
    found = judge("first-deploy", generation=1, desired=3, applied_at=0.067, rules=Rules(deadline=600, exits=3))
    assert found.verdict.status == "complete" and 0.5 < found.at < 0.8


def test_a_crash_dooms_at_the_second_exit():
    found = fall("crash-loop")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "exits")
    assert "exited with 1; it has ended twice." in found.verdict.reason
    assert found.verdict.process.startswith("web-")
    assert 1 < found.at < 4.2  # before the cluster itself says CrashLoopBackOff


def test_on_the_first_deploy_of_an_app_it_dooms_at_the_third():
    found = fall("crash-loop", rules=Rules(deadline=600, exits=health.EXITS_FIRST_DEPLOY))
    assert found.verdict.cause == "exits" and "ended 3 times" in found.verdict.reason
    assert found.at > fall("crash-loop").at


def test_a_process_that_never_gets_ready_dooms_at_the_deadline_and_not_before():
    found = fall("readiness-failing", rules=Rules(deadline=20, exits=2))
    assert (found.verdict.status, found.verdict.cause) == ("failed", "never_ready")
    assert "did not become ready within 20 s" in found.verdict.reason
    assert 20.5 <= found.at < 21.2
    assert fall("readiness-failing").verdict.status == "progressing"  # ten minutes are not over when it ends


@pytest.mark.parametrize("scenario", ["image-pull-error", "image-pull-denied"])
def test_an_image_that_is_missing_or_denied_dooms_at_first_sight(scenario):
    """`localhost:5005` in the message is a port, no status of a registry that may heal."""
    found = fall(scenario)
    assert (found.verdict.status, found.verdict.cause) == ("failed", "pull")
    assert {"image-pull-error": 1.0, "image-pull-denied": 1.5}[scenario] < found.at < 2.2
    assert "localhost:5005" in found.verdict.reason


def test_a_command_that_does_not_exist_dooms_at_first_sight():
    found = fall("bad-command")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "start")
    assert "no such file or directory" in found.verdict.reason
    assert found.at < 2


def test_a_secret_that_does_not_exist_dooms_at_first_sight():
    found = fall("config-error")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "config")
    assert 'secret "no-such-secret" not found' in found.verdict.reason
    assert found.at < 2


def test_too_much_memory_dooms_at_the_second_kill_and_says_so():
    found = fall("oom-killed")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "out_of_memory")
    assert "more memory than its limit" in found.verdict.reason and "scale.memory" in found.verdict.hint
    assert found.at < 15.6


def test_a_quota_dooms_at_once_where_no_process_may_be_missing():
    """maxUnavailable is 0 and no process of ours is ending: no room can come of itself (ROLLOUT.md, quota)."""
    found = fall("quota-exceeded")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "quota")
    assert "exceeded quota" in found.verdict.reason
    assert found.at < 3


def test_a_quota_is_no_success_and_no_other_cause():
    found = fall("quota-exceeded")
    assert (found.verdict.status, found.verdict.cause) == ("failed", "quota")


def test_the_old_template_applied_again_completes_in_spite_of_the_crashed_processes():
    assert fall("rollback-mid-rollout").verdict.cause == "exits"
    found = judge("rollback-mid-rollout", generation=3, desired=2, applied_at=7.125)
    assert found.verdict.status == "complete" and found.at < 7.6


def test_scaling_is_complete_when_all_are_there_and_no_verdict_of_doom():
    up = judge("scale", generation=2, desired=5, applied_at=0.560)
    assert up.verdict.status == "complete" and 0.9 < up.at < 1.3
    down = judge("scale", generation=3, desired=2, applied_at=2.213)
    assert down.verdict.status == "complete"
