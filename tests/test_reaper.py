"""The reaper: what lost its worker or its job goes on; what is too late ends; all else is left alone."""

from datetime import timedelta

import django_rq
import pytest
from django.utils import timezone

from releases import actions, jobs, logs, policy, queues
from releases.errors import Stale
from releases.models import Build, Rollout
from releases.pipeline.build import upload_of
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
ROLLOUT_UNFINISHED = ["queued", "releasing", "rolling", "rolling_back"]


def ago(seconds):
    return timezone.now() - timedelta(seconds=seconds)


def rollout(status, **columns):
    made = factories.rollout(factories.release(factories.app()), status=status)
    Rollout.objects.filter(pk=made.pk).update(**columns)
    return Rollout.objects.get(pk=made.pk)


def build(status, **columns):
    made = factories.build(factories.app(), status=status)
    upload_of(made).parent.mkdir(parents=True, exist_ok=True)
    upload_of(made).write_bytes(b"source")
    Build.objects.filter(pk=made.pk).update(**columns)
    return Build.objects.get(pk=made.pk)


def waiting(queue):
    return django_rq.get_queue(queue).get_job_ids()


@pytest.mark.parametrize("status", ROLLOUT_UNFINISHED)
def test_a_rollout_whose_worker_died_goes_on_under_a_new_epoch(redis, status):
    made = rollout(status, taken=True, heartbeat=ago(60))
    jobs.reap()
    made.refresh_from_db()
    assert (made.status, made.epoch, made.taken) == (status, 2, False)
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]
    jobs.reap()
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]  # once


@pytest.mark.parametrize("status", ROLLOUT_UNFINISHED)
def test_a_rollout_that_lost_its_job_is_enqueued_anew(redis, status):
    made = rollout(status, taken=False, heartbeat=ago(60))
    jobs.reap()
    made.refresh_from_db()
    assert (made.status, made.epoch) == (status, 2)
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]


def test_what_lives_or_waits_its_turn_is_left_alone(redis, settings):
    # More than the making of these rows takes, on any machine.
    settings.HEARTBEAT_OLD_SECONDS = settings.QUEUED_WITHOUT_JOB_SECONDS = 300.0
    rows = [
        rollout("rolling", taken=True, heartbeat=ago(1)),
        rollout("queued", taken=False, heartbeat=ago(1)),
        rollout("paused", taken=True, heartbeat=ago(9999)),
        rollout("paused", taken=False, heartbeat=ago(9999)),
        *[rollout(status, taken=True, heartbeat=ago(9999)) for status in ("succeeded", "failed", "cancelled")],
        *[rollout(status, taken=False, heartbeat=None) for status in ("rolled_back", "superseded")],
        build("running", taken=True, heartbeat=ago(1)),
        build("queued", taken=False, heartbeat=None),
        build("succeeded", taken=True, heartbeat=ago(9999)),
    ]
    patient = rollout("queued", taken=False, heartbeat=ago(600))
    queues.enqueue_rollout(patient)  # all workers are busy: its job waits
    patient_build = build("queued", taken=False, created_at=ago(600))
    queues.enqueue_build(patient_build)
    before = waiting("rollouts"), waiting("builds")
    jobs.reap()
    assert (waiting("rollouts"), waiting("builds")) == before
    for row in [*rows, patient, patient_build]:
        now = type(row).objects.get(pk=row.pk)
        assert (now.status, now.epoch, now.taken) == (row.status, 1, row.taken)


def test_a_build_begins_again_once_and_what_killed_two_workers_kills_no_third(redis):
    made = build("running", taken=True, heartbeat=ago(60), started_at=ago(60))
    jobs.reap()
    made.refresh_from_db()
    assert (made.status, made.epoch, made.restarts) == ("running", 2, 1)
    assert waiting("builds") == [f"build-{made.pk}-2"]
    assert Build.take(made.pk, 2)
    Build.objects.filter(pk=made.pk).update(heartbeat=ago(60))
    jobs.reap()
    made.refresh_from_db()
    assert (made.status, made.reason) == ("failed", "Its workers died twice; it is not tried again.")
    assert made.faultless, "its commit may still be promoted by itself"
    assert [line.message for line in logs.after(made.owner, 0)] == [made.reason]
    assert not upload_of(made).exists()
    assert len(waiting("builds")) == 1


def test_a_build_whose_job_was_lost_is_enqueued_as_often_as_it_takes(redis):
    """No worker died of it: that is no try."""
    made = build("queued", taken=False, created_at=ago(60))
    for epoch in (2, 3, 4):
        jobs.reap()
        made.refresh_from_db()
        assert (made.status, made.epoch, made.restarts) == ("queued", epoch, 0)
        redis.flushall()
        Build.objects.filter(pk=made.pk).update(heartbeat=ago(60))


def test_a_build_that_hangs_ends_though_its_heart_beats(redis, settings):
    settings.HEARTBEAT_OLD_SECONDS = 300.0
    made = build("running", taken=True, heartbeat=ago(0), started_at=ago(settings.BUILD_DEADLINE + 61))
    in_time = build("running", taken=True, heartbeat=ago(0), started_at=ago(settings.BUILD_DEADLINE + 30))
    hung = Build.objects.get(pk=made.pk)
    jobs.reap()
    made.refresh_from_db()
    in_time.refresh_from_db()
    assert (made.status, in_time.status) == ("failed", "running")
    assert "took longer than" in made.reason and not upload_of(made).exists()
    assert not made.faultless, "it would hang again"
    with pytest.raises(Stale):
        logs.append(hung, [logs.Line("build", "still here")])


def test_what_nobody_took_for_a_day_ends(redis):
    old_build = build("queued", taken=False, created_at=ago(25 * 3600), heartbeat=ago(1))
    old_rollout = rollout("queued", taken=False, created_at=ago(25 * 3600), heartbeat=ago(1))
    jobs.reap()
    for row in (old_build, old_rollout):
        row.refresh_from_db()
        assert row.status == "failed" and "No worker took it within a day" in row.reason
        assert row.finished_at
    assert [line.message for line in logs.after(old_rollout.owner, 0)] == [old_rollout.reason]
    assert old_build.faultless


def test_a_promote_while_redis_was_away_is_made_good(redis, settings):
    url = settings.RQ_QUEUES["rollouts"]["URL"]
    settings.RQ_QUEUES["rollouts"]["URL"] = "redis://127.0.0.1:1/0"
    made = actions.promote(factories.release(factories.app()), by=policy.SYSTEM)
    settings.RQ_QUEUES["rollouts"]["URL"] = url
    assert waiting("rollouts") == []
    Rollout.objects.filter(pk=made.pk).update(heartbeat=ago(60))
    jobs.reap()
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]


def test_after_redis_lost_everything_the_next_round_makes_it_good(redis):
    made = rollout("queued", taken=False, heartbeat=ago(0))
    queues.enqueue_rollout(made)
    redis.flushall()
    Rollout.objects.filter(pk=made.pk).update(heartbeat=ago(60))
    jobs.reap()
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]


def test_two_reapers_do_not_enqueue_twice(redis, together):
    made = rollout("rolling", taken=True, heartbeat=ago(60))
    assert together(jobs.reap, jobs.reap, jobs.reap) == [None] * 3
    made.refresh_from_db()
    assert made.epoch == 2
    assert waiting("rollouts") == [f"rollout-{made.pk}-2"]


def test_one_round_serves_them_all(redis):
    """A row of every kind in one round."""
    rows = [rollout("rolling", taken=True, heartbeat=ago(60)) for _ in range(3)]
    builds = [build("running", taken=True, heartbeat=ago(60), started_at=ago(60)) for _ in range(2)]
    jobs.reap()
    assert sorted(waiting("rollouts")) == sorted(f"rollout-{row.pk}-2" for row in rows)
    assert sorted(waiting("builds")) == sorted(f"build-{row.pk}-2" for row in builds)
