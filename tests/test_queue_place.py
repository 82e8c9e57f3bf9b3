"""The line: builds of one app run in order, what waits says for what, and there is a limit."""

import pytest
from rq import SimpleWorker

from releases import actions, jobs, policy, queues
from releases.errors import NotAllowed
from releases.models import App, Build, Token
from tests import factories

MANIFEST = "services: {web: {command: python app.py}}"


@pytest.fixture
def by(db):
    return factories.actor("deployer")


def queued(app, by, **given) -> Build:
    return actions.create_build(app, source=factories.tar_gz({"deployer.yml": MANIFEST}), by=by, **given)


def status(build) -> str:
    return Build.objects.get(pk=build.pk).status


def place(row, by=policy.SYSTEM) -> str:
    return actions.queue_place(type(row).objects.get(pk=row.pk), by=by)


# --- In order -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_build_whose_turn_has_not_come_is_left_and_enqueued_when_it_has(redis, app, by):
    first, second, third = queued(app, by), queued(app, by), queued(app, by)
    jobs.run_build(second.pk, 1)
    jobs.run_build(third.pk, 1)
    assert (status(second), status(third)) == ("queued", "queued")
    redis.delete("rq:queue:builds")  # as if workers had taken those jobs
    jobs.run_build(first.pk, 1)
    assert status(first) == "succeeded"
    second.refresh_from_db()
    assert second.epoch == 2 and queues.is_enqueued(second), "its turn has come"
    assert not queues.is_enqueued(Build.objects.get(pk=third.pk))
    actions.cancel_build(second, by=by)
    third.refresh_from_db()
    assert third.epoch == 2 and queues.is_enqueued(third)
    jobs.run_build(third.pk, 1)
    assert status(third) == "queued", "a job of before its turn is late"
    jobs.run_build(third.pk, 2)
    assert status(third) == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_who_still_has_a_job_keeps_its_place(redis, app, by):
    first, second = queued(app, by), queued(app, by)
    jobs.run_build(first.pk, 1)
    second.refresh_from_db()
    assert second.epoch == 1 and queues.is_enqueued(second)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_come_at_once_one_builds(redis, app, by, together):
    builds = [queued(app, by) for _ in range(4)]
    taken = together(*[lambda build=build: actions.take_build(build.pk, 1) for build in builds])
    assert [build.pk for build in taken if build] == [builds[0].pk]


@pytest.mark.django_db(transaction=True)
def test_the_reaper_leaves_who_waits_for_its_turn_and_makes_good_a_lost_job(redis, app, by, settings):
    settings.QUEUED_WITHOUT_JOB_SECONDS = 0.0
    first, second = queued(app, by), queued(app, by)
    redis.delete("rq:queue:builds")
    jobs.reap()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.epoch, second.epoch) == (2, 1)
    Build.objects.filter(pk=first.pk).update(status="cancelled")
    jobs.reap()
    second.refresh_from_db()
    assert second.epoch == 2 and queues.is_enqueued(second)


@pytest.mark.django_db(transaction=True)
def test_builds_of_other_apps_do_not_wait(redis, app, by):
    queued(app, by)
    other = queued(factories.app(by=by), by)
    jobs.run_build(other.pk, 1)
    assert status(other) == "succeeded"


# --- In words -------------------------------------------------------------------------------------------------------


def test_a_build_says_its_place(redis, app, by):
    first, second = queued(app, by), queued(app, by)
    assert place(first) == "waits for a worker: none is running"
    worker = SimpleWorker(["builds"], connection=redis)
    worker.register_birth()
    assert place(first) == "waits for a worker"
    assert place(second) == f"2nd in line: {first.pk} of {app.name} comes first"
    Build.objects.filter(pk=first.pk).update(status="running", taken=True)
    third, other = queued(app, by), queued(factories.app(by=by), by)
    assert place(first) == ""
    assert place(second) == f"2nd in line: {first.pk} of {app.name} is building"
    assert place(third) == f"3rd in line: {first.pk} of {app.name} is building"
    assert place(other) == f"4th in line: {first.pk} of {app.name} is building"
    token, _ = Token.issue(by.person, name="robot", apps=[other.app])
    words = "4th in line: a build of another app is building"
    assert place(other, policy.actor_with(token)) == words, "it learns of no other app"
    Build.objects.all().update(status="succeeded")
    assert place(first) == ""


def test_without_redis_it_is_said(app, by):
    assert place(queued(app, by)) == "waits for a worker: the queue does not answer"


def test_a_rollout_and_a_remembered_promote_say_what_they_wait_for(redis, app, by):
    running = factories.rollout(factories.active(app))
    assert place(running) == "waits for a worker: none is running"
    release = factories.release(app, build=factories.build(app, promote=True))
    assert actions.promote_when_free(release, by=by) is None
    for row in (release, release.build):
        assert place(row) == f"waits for the end of rollout {running.number}, which runs now"
    type(running).objects.filter(pk=running.pk).update(status="rolling", taken=True)
    assert place(running) == ""
    App.objects.filter(pk=app.pk).update(next_release=None)
    assert place(release) == "" and place(release.build) == ""
    Build.objects.filter(pk=release.build_id).update(checks="waiting", commit="0a1b2c3d4e" * 4)
    assert place(release.build) == "waits for the checks of 0a1b2c3"


def test_the_api_says_it(redis, app, by, client):
    first, second = queued(app, by), queued(app, by)
    running = factories.rollout(factories.active(app))
    client.force_login(by.person, backend="django.contrib.auth.backends.ModelBackend")
    found = client.get(f"/api/apps/{app.name}/builds/{second.pk}").json()
    assert found["waiting_for"] == f"2nd in line: {first.pk} of {app.name} comes first"
    assert found["log_removed"] is None and found["images_removed"] is None
    found = client.get(f"/api/apps/{app.name}/rollouts/{running.number}").json()
    assert found["waiting_for"] == "waits for a worker: none is running"


# --- The limit ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_app_has_so_many_builds_at_once_and_no_more(redis, app, by, settings, together):
    settings.BUILDS_PER_APP = 2
    results = together(*[lambda: queued(app, by) for _ in range(4)])
    refused = [each for each in results if isinstance(each, NotAllowed)]
    assert len(refused) == 2 and app.builds.count() == 2
    assert refused[0].message == f"2 builds of {app.name} run or wait, and more are not allowed: wait, or cancel one."
    queued(factories.app(by=by), by)
    actions.cancel_build(app.builds.first(), by=by)
    queued(app, by)
