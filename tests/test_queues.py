"""Jobs are enqueued by name, after commit, once per epoch; and Redis may be away."""

import django_rq
import pytest
from django.db import transaction
from rq.job import Job

from releases import queues
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rollout():
    return factories.rollout(factories.release(factories.app()))


def waiting(queue):
    return django_rq.get_queue(queue).get_job_ids()


def test_a_job_carries_id_and_epoch_and_names_its_function(redis, rollout):
    queues.enqueue_rollout(rollout)
    [name] = waiting("rollouts")
    assert name == f"rollout-{rollout.pk}-1"
    job = Job.fetch(name, connection=redis)
    assert (job.func_name, job.args) == ("releases.jobs.run_rollout", (rollout.pk, 1))
    build = rollout.release.build
    queues.enqueue_build(build)
    job = Job.fetch(f"build-{build.pk}-1", connection=redis)
    assert (job.func_name, job.args) == ("releases.jobs.run_build", (build.pk, 1))


def test_nothing_is_enqueued_before_commit_and_nothing_without(redis, rollout):
    with pytest.raises(RuntimeError), transaction.atomic():
        queues.enqueue_rollout(rollout)
        raise RuntimeError
    assert waiting("rollouts") == []
    with transaction.atomic():
        queues.enqueue_rollout(rollout)
        assert waiting("rollouts") == []
    assert len(waiting("rollouts")) == 1


def test_each_epoch_has_a_job_of_its_own(redis, rollout):
    queues.enqueue_rollout(rollout)
    assert rollout.renew()
    queues.enqueue_rollout(rollout)
    assert waiting("rollouts") == [f"rollout-{rollout.pk}-1", f"rollout-{rollout.pk}-2"]


def test_redis_may_be_away(rollout, caplog):
    with transaction.atomic():
        queues.enqueue_rollout(rollout)
    assert f"rollout-{rollout.pk}-1 could not be enqueued and waits for the reaper" in caplog.text


def test_missing_programs_are_named(redis):
    assert queues.missing_workers() == "no worker for builds, no worker for rollouts, no reaper"
    queues.reaper_is_alive(1000)
    assert queues.missing_workers() == "no worker for builds, no worker for rollouts"
    assert 2_900_000 <= redis.pttl(queues.REAPER_KEY) <= 3_100_000  # after three rounds it is missed
