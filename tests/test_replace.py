"""A rollout that ends another one and goes on from there; and promotes that wait for the end of what runs."""

import pytest

from releases import actions, jobs, logs, policy
from releases.errors import NotAllowed
from releases.models import App, AuditEntry, Release, Rollout
from releases.pipeline import baseline
from releases.pipeline.build import Result
from tests import factories

pytestmark = pytest.mark.django_db
REPLACEABLE = ["queued", "releasing", "rolling", "paused"]


def fresh(row):
    return type(row).objects.get(pk=row.pk)


# --- Replace --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", REPLACEABLE)
def test_what_runs_is_superseded_in_the_same_moment(app, deployer, status):
    factories.active(app)
    running = factories.rollout(factories.release(app), status=status, taken=True)
    rollout = actions.promote(factories.release(app), by=deployer, replace=True)
    old = fresh(running)
    assert (old.status, old.reason.startswith(f"Replaced by rollout {rollout.number} ")) == ("superseded", True)
    assert ("may have run in part" in old.reason) == (status == "releasing")
    assert (rollout.status, rollout.replaces, rollout.previous) == ("queued", running, app.active_release)
    assert rollout.inherits_change == (status in ("rolling", "paused"))
    assert old.epoch == running.epoch + 1 and Rollout.take(old.pk, old.epoch) is None
    assert logs.after(old.owner, 0)[-1].message == old.reason
    assert AuditEntry.objects.get(action="promote").detail["replaced"] == running.number


def test_what_is_on_its_way_back_is_not_replaced(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling_back")
    with pytest.raises(NotAllowed, match="is being rolled back: wait for its end"):
        actions.promote(factories.release(app), by=deployer, replace=True)
    assert fresh(running).status == "rolling_back" and app.rollouts.count() == 1


def test_with_nothing_to_replace_it_is_a_promote_like_any_other(app, deployer):
    rollout = actions.promote(factories.release(app), by=deployer, replace=True)
    assert (rollout.replaces, rollout.inherits_change) == (None, False)


def test_a_replacement_that_policy_refuses_leaves_what_runs_alone(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    needy = factories.release(app, manifest="services: {web: {command: a, environment: [SECRET_KEY]}}")
    with pytest.raises(NotAllowed, match="SECRET_KEY"):
        actions.promote(needy, by=deployer, replace=True)
    assert fresh(running).status == "rolling" and fresh(running).epoch == running.epoch


@pytest.mark.django_db(transaction=True)
def test_a_hundred_promotes_in_one_instant_leave_one(together):
    by = factories.actor("deployer")
    app = factories.app()
    made = [factories.release(app) for _ in range(100)]
    results = together(*[lambda release=release: actions.promote(release, by=by) for release in made])
    [winner] = [result for result in results if isinstance(result, Rollout)]
    refused = [result for result in results if isinstance(result, NotAllowed)]
    assert len(refused) == 99 and all(winner.release_id in error.message for error in refused)
    assert fresh(app).rollouts_made == 1 and list(app.rollouts.all()) == [winner]


@pytest.mark.django_db(transaction=True)
def test_replacements_in_one_instant_leave_one_that_runs_and_a_chain_behind_it(together):
    by = factories.actor("deployer")
    app = factories.app()
    made = [factories.release(app) for _ in range(12)]
    results = together(*[lambda release=release: actions.promote(release, by=by, replace=True) for release in made])
    assert all(isinstance(result, Rollout) for result in results)
    rows = list(app.rollouts.order_by("number"))
    assert [row.status for row in rows] == ["superseded"] * 11 + ["queued"]
    assert [row.replaces_id for row in rows] == [None, *(row.pk for row in rows[:-1])]


def test_an_abort_of_one_that_inherits_a_change_is_left_to_its_worker(app, deployer):
    """Cancelled at once it would leave half of what it replaced behind."""
    factories.rollout(factories.release(app), status="rolling")
    rollout = actions.promote(factories.release(app), by=deployer, replace=True)
    actions.abort(rollout, by=deployer)
    assert fresh(rollout).status == "queued" and fresh(rollout).abort_by == deployer.label


def test_an_abort_of_a_paused_one_gives_it_a_worker(app, deployer):
    rollout = factories.rollout(factories.release(app), status="paused", taken=True)
    actions.abort(rollout, by=deployer)
    after = fresh(rollout)
    assert (after.status, after.epoch, after.taken) == ("paused", rollout.epoch + 1, False)


# --- What is inherited ----------------------------------------------------------------------------------------------

BEFORE, LATER = {"services": {"web": {"desired": 2}}, "events": {}}, {"services": {}, "events": {}}
RESTORED_BADLY = {"restore_since": "2026-11-21T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([], None),
        ([("succeeded", BEFORE, {})], None),
        ([("rolled_back", BEFORE, RESTORED_BADLY)], None),
        ([("superseded", BEFORE, {})], BEFORE),
        ([("failed", BEFORE, RESTORED_BADLY)], BEFORE),
        ([("failed", LATER, {})], None),
        ([("superseded", BEFORE, {}), ("superseded", None, {})], BEFORE),
        ([("failed", BEFORE, RESTORED_BADLY), ("cancelled", LATER, {}), ("failed", LATER, {})], BEFORE),
        ([("superseded", LATER, {}), ("succeeded", BEFORE, {})], None),
    ],
)
def test_the_baseline_of_what_left_things_to_nobody_s_intention_is_inherited(app, earlier, expected):
    for status, known, progress in earlier:
        factories.rollout(
            factories.release(app),
            status=status,
            baseline=known,
            progress=progress,
            templates_before={"web": {"spec": status}},
        )
    found = baseline.inherited(factories.rollout(factories.release(app)))
    assert (found.known if found else None) == expected
    assert found is None or found.templates["web"]["spec"] in ("superseded", "failed")


# --- Promotes that wait ---------------------------------------------------------------------------------------------


def waiting(app):
    app = fresh(app)
    return app.next_release


def ended(rollout, status="failed"):
    Rollout.objects.filter(pk=rollout.pk).update(status=status)


def test_a_promote_that_nobody_waits_for_begins_at_once_when_nothing_runs(app, deployer):
    rollout = actions.promote_when_free(factories.release(app), by=deployer, note="push")
    assert (rollout.status, rollout.note, waiting(app)) == ("queued", "push", None)


@pytest.mark.parametrize("status", [*REPLACEABLE, "rolling_back"])
def test_while_one_runs_it_is_remembered_and_begins_at_the_end_of_that(app, deployer, status):
    running = factories.rollout(factories.release(app), status=status)
    release = factories.release(app)
    assert actions.promote_when_free(release, by=deployer, note="push") is None
    assert waiting(app) == release
    assert logs.after(running.owner, 0)[-1].message == f"{release.pk} is promoted when this rollout is over."
    assert actions.start_next(app.pk) is None and waiting(app) == release  # it runs still
    ended(running)
    rollout = actions.start_next(app.pk)
    assert (rollout.release, rollout.note, rollout.by_label, waiting(app)) == (release, "push", deployer.label, None)
    assert actions.start_next(app.pk) is None


def test_the_newest_source_wins_in_whatever_order_they_come(app, deployer):
    factories.rollout(factories.release(app), status="rolling")
    builds = [factories.build(app) for _ in range(3)]
    first, second, third = [factories.release(app, build=build) for build in builds]
    actions.promote_when_free(first, by=deployer)
    actions.promote_when_free(third, by=deployer)
    assert waiting(app) == third
    assert "newer" in fresh(builds[0]).refusals[0]
    with pytest.raises(NotAllowed, match=f"{third.pk}, which is newer, is promoted next"):
        actions.promote_when_free(second, by=deployer)
    assert waiting(app) == third
    assert AuditEntry.objects.get(action="drop_promote").subject == first.pk


def test_what_may_not_begin_any_more_is_dropped_and_that_is_written_down(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    release = factories.release(app)
    actions.promote_when_free(release, by=deployer)
    type(deployer.person).objects.filter(pk=deployer.person.pk).update(role="viewer")
    ended(running)
    assert actions.start_next(app.pk) is None
    assert waiting(app) is None and app.rollouts.count() == 1
    entry = AuditEntry.objects.get(action="drop_promote")
    words = "Promote needs the role deployer, here or in general."
    assert (entry.subject, entry.detail["reasons"]) == (release.pk, [words])
    assert fresh(release.build).refusals == [words]


def test_what_is_dropped_leaves_no_copy_with_todays_environment_behind(app, deployer):
    factories.active(app, env={"COLOUR": "red"})
    running = factories.rollout(factories.release(app), status="rolling")
    actions.promote_when_free(factories.release(app, env={"COLOUR": "blue"}), by=deployer)
    type(deployer.person).objects.filter(pk=deployer.person.pk).update(role="viewer")
    ended(running)
    before = set(Release.objects.values_list("pk", flat=True))
    assert actions.start_next(app.pk) is None and waiting(app) is None
    assert set(Release.objects.values_list("pk", flat=True)) == before


def test_something_newer_that_became_active_meanwhile_is_not_undone(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    release = factories.release(app)
    actions.promote_when_free(release, by=deployer)
    ended(running, "superseded")
    newer = factories.active(app)
    assert actions.start_next(app.pk) is None
    assert fresh(release.build).refusals == [f"{newer.pk} is active, which is newer."]


def test_a_rollback_on_purpose_is_not_undone(app, deployer):
    old = factories.active(app)
    factories.active(app)
    release = factories.release(app)
    back = actions.rollback(old, by=deployer)
    actions.promote_when_free(release, by=deployer)
    ended(back, "succeeded")
    App.objects.filter(pk=app.pk).update(active_release=back.release)
    assert actions.start_next(app.pk) is None
    assert "is active, which is newer" in fresh(release.build).refusals[0]


def test_a_variable_that_was_set_meanwhile_is_not_lost(app, deployer):
    factories.active(app, env={"COLOUR": "blue"})
    running = factories.rollout(factories.release(app, env={"COLOUR": "red"}), status="rolling")
    release = factories.release(app, env={"COLOUR": "blue"})
    actions.promote_when_free(release, by=deployer)
    ended(running, "succeeded")
    App.objects.filter(pk=app.pk).update(active_release=running.release)
    rollout = actions.start_next(app.pk)
    assert rollout.release.env == {"COLOUR": "red"} and rollout.release.build == release.build


def test_an_abort_of_a_queued_one_starts_the_next(app, deployer):
    running = actions.promote(factories.release(app), by=deployer)
    release = factories.release(app)
    actions.promote_when_free(release, by=deployer)
    actions.abort(running, by=deployer)
    assert fresh(running).status == "cancelled" and fresh(app).unfinished_rollout.release == release


def test_the_reaper_starts_what_a_dead_worker_did_not(redis, app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    release = factories.release(app)
    actions.promote_when_free(release, by=deployer)
    jobs.reap()
    assert waiting(app) == release
    ended(running)
    jobs.reap()
    assert fresh(app).unfinished_rollout.release == release and waiting(app) is None


@pytest.mark.django_db(transaction=True)
def test_it_is_started_once_by_however_many(together):
    by = factories.actor("deployer")
    app = factories.app()
    running = factories.rollout(factories.release(app), status="rolling")
    actions.promote_when_free(factories.release(app), by=by)
    ended(running)
    results = together(*[lambda: actions.start_next(app.pk)] * 8)
    assert sum(isinstance(result, Rollout) for result in results) == 1 and app.rollouts.count() == 2


def test_a_build_that_ends_while_one_runs_waits_with_its_release(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    build = factories.build(app, by=deployer, status="running", promote=True)
    release = actions.finish_build(build, result())
    assert waiting(app) == release and fresh(build).refusals == []
    assert logs.after(build.owner, 0)[-1].message.startswith(f"{release.pk} is promoted when the rollout that runs")
    ended(running)
    assert actions.start_next(app.pk).release == release


def test_a_build_that_replaces_does_not_wait_unless_what_runs_is_on_its_way_back(app, deployer):
    running = factories.rollout(factories.release(app), status="rolling")
    first = factories.build(app, by=deployer, status="running", promote=True, replace=True)
    release = actions.finish_build(first, result())
    assert fresh(running).status == "superseded" and fresh(app).unfinished_rollout.release == release
    Rollout.objects.filter(app=app, status="queued").update(status="rolling_back")
    second = factories.build(app, by=deployer, status="running", promote=True, replace=True)
    assert actions.finish_build(second, result()) == waiting(app)


def result() -> Result:
    manifest = Release.objects.first().manifest
    return Result(manifest=manifest, images=dict.fromkeys(manifest["services"], factories.IMAGE))


def test_what_belongs_to_somebody_who_is_gone_has_no_rights():
    assert policy.actor_of(None, "Ann").role is None
