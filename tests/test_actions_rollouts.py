"""Promote, roll back, abort: in every status, and two in the same instant."""

import pytest

from releases import actions, logs
from releases.errors import Invalid, NotAllowed, WrongState
from releases.models import App, AuditEntry, Release, Rollout
from tests import factories

pytestmark = pytest.mark.django_db
UNFINISHED = ["queued", "releasing", "rolling", "paused", "rolling_back"]
FINISHED = ["succeeded", "rolled_back", "failed", "cancelled", "superseded"]


def test_a_promote_starts_a_rollout_that_knows_what_was_before(app, deployer):
    before, release = factories.active(app), factories.release(app)
    rollout = actions.promote(release, by=deployer, note="for the fair")
    rollout.refresh_from_db()
    assert (rollout.number, rollout.kind, rollout.status, rollout.strategy) == (2, "promote", "queued", "rolling")
    assert (rollout.release, rollout.previous, rollout.note) == (release, before, "for the fair")
    assert (rollout.epoch, rollout.taken) == (1, False)
    assert rollout.by_label == deployer.label


def test_numbers_count_per_app_without_a_gap(app, deployer):
    other = factories.app()
    for release in (factories.release(app), factories.release(other), factories.release(app)):
        actions.promote(release, by=deployer).transition("cancelled")
    assert sorted(app.rollouts.values_list("number", flat=True)) == [1, 2]
    assert list(other.rollouts.values_list("number", flat=True)) == [1]


@pytest.mark.parametrize("status", UNFINISHED)
def test_while_one_runs_a_second_is_refused_naming_it(app, deployer, status):
    running = factories.rollout(factories.release(app), status=status)
    release = factories.release(app)
    ways = "Wait for its end, abort it, or replace it (`--replace`)."
    words = f"Rollout {running.number} of {app.name} ({running.release_id}) is still running. {ways}"
    for deed in (actions.promote, actions.rollback):
        with pytest.raises(NotAllowed) as refusal:
            deed(release, by=deployer)
        assert (refusal.value.reasons, refusal.value.forbidden) == ([words], False)
    assert app.rollouts.count() == 1 and app.releases.count() == 2


@pytest.mark.parametrize("status", FINISHED)
def test_after_one_has_ended_the_next_may_begin(app, deployer, status):
    factories.rollout(factories.release(app), status=status)
    assert actions.promote(factories.release(app), by=deployer).number == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_in_the_same_instant_one_wins_and_the_other_learns_which(together):
    by = factories.actor("deployer")
    for _ in range(8):
        app = factories.app()
        one, other = factories.release(app), factories.release(app)
        results = together(
            lambda one=one: actions.promote(one, by=by), lambda other=other: actions.promote(other, by=by)
        )
        [winner] = [result for result in results if isinstance(result, Rollout)]
        [refusal] = [result for result in results if isinstance(result, NotAllowed)]
        assert f"Rollout 1 of {app.name} ({winner.release_id}) is still running." in refusal.message
        assert list(app.rollouts.all()) == [winner]
        app.refresh_from_db()
        assert app.rollouts_made == 1
    assert AuditEntry.objects.filter(action="promote").count() == 8


@pytest.mark.django_db(transaction=True)
def test_a_promote_and_a_rollback_in_the_same_instant_leave_one_and_no_spare_copy(together):
    by = factories.actor("deployer")
    app = factories.app()
    old = factories.active(app)
    factories.active(app)
    release = factories.release(app)
    results = together(lambda: actions.promote(release, by=by), lambda: actions.rollback(old, by=by))
    [winner] = [result for result in results if isinstance(result, Rollout)]
    assert Release.objects.filter(rolled_back_to=old).count() == (winner.kind == "rollback")
    assert Rollout.objects.filter(app=app, status="queued").get() == winner


def test_a_required_variable_that_is_missing_is_named_and_nothing_begins(app, deployer):
    release = factories.release(app, manifest="services: {web: {command: a, environment: [SECRET_KEY, COLOUR=blue]}}")
    with pytest.raises(NotAllowed) as refusal:
        actions.promote(release, by=deployer)
    assert refusal.value.reasons == [
        "SECRET_KEY is required by the manifest and not set: set it with `env set SECRET_KEY=…`."
    ]
    app.refresh_from_db()
    assert not app.rollouts.exists() and app.rollouts_made == 0


def test_a_note_of_any_length_has_an_answer(app, deployer):
    with pytest.raises(Invalid, match="at most 500"):
        actions.promote(factories.release(app), by=deployer, note="x" * 501)
    assert not app.rollouts.exists()
    assert actions.promote(factories.release(app), by=deployer, note="x" * 500).note == "x" * 500


# --- Rollback -------------------------------------------------------------------------------------------------------


def test_a_rollback_promotes_a_copy_and_leaves_the_original_alone(app, deployer):
    old = factories.active(app, env={"COLOUR": "blue"})
    factories.active(app, env={"COLOUR": "red"})
    rollout = actions.rollback(old, by=deployer, note="red is ugly")
    copy = Release.objects.get(pk=rollout.release_id)
    assert copy.pk != old.pk and copy.rolled_back_to == old
    for same in ("build_id", "manifest", "images", "env"):
        assert getattr(copy, same) == getattr(old, same)
    assert (rollout.kind, rollout.status, copy.description) == ("rollback", "queued", f"rollback to {old.pk}")
    assert list(old.rollouts.values_list("number", flat=True)) == [1]


def test_a_rollback_to_what_is_active_is_refused(app, deployer):
    active = factories.active(app)
    with pytest.raises(WrongState, match=f"{active.pk} is the active release already."):
        actions.rollback(active, by=deployer)
    assert app.releases.count() == 1


def test_a_rollback_discards_what_is_staged_and_says_so(app, deployer):
    old = factories.active(app)
    factories.active(app)
    App.objects.filter(pk=app.pk).update(staged={"NEW": "secret-value", "GONE": None})
    rollout = actions.rollback(old, by=deployer)
    app.refresh_from_db()
    assert app.staged == {}
    [line] = logs.after(rollout.owner, 0)
    assert line.message == "Staged variables are discarded by the rollback: GONE, NEW."
    assert AuditEntry.objects.get(action="rollback").detail["discarded"] == ["GONE", "NEW"]


def test_a_rollback_that_is_refused_leaves_no_copy_and_what_is_staged(app, deployer):
    old = factories.release(app, manifest="environment: [SECRET_KEY]\nservices: {web: {command: a}}")
    factories.active(app)
    App.objects.filter(pk=app.pk).update(staged={"NEW": "value"})
    with pytest.raises(NotAllowed, match="SECRET_KEY"):
        actions.rollback(old, by=deployer)
    app.refresh_from_db()
    assert app.releases.count() == 2 and app.staged == {"NEW": "value"}


# --- Abort ----------------------------------------------------------------------------------------------------------


def test_what_has_not_begun_is_cancelled_at_once(app, deployer):
    rollout = actions.promote(factories.release(app), by=deployer)
    actions.abort(rollout, by=deployer)
    rollout.refresh_from_db()
    assert rollout.status == "cancelled" and deployer.label in rollout.reason
    assert [line.message for line in logs.after(rollout.owner, 0)] == [rollout.reason]
    assert Rollout.take(rollout.pk, 1) is None
    assert actions.promote(factories.release(app), by=deployer).number == 2


@pytest.mark.parametrize("status", ["releasing", "rolling", "paused"])
def test_what_has_begun_is_asked_to_stop_and_who_asked_is_kept(app, deployer, status):
    rollout = factories.rollout(factories.release(app), status=status)
    actions.abort(rollout, by=deployer)
    rollout.refresh_from_db()
    assert rollout.status == status
    assert rollout.abort_requested_at is not None and rollout.abort_by == deployer.label


@pytest.mark.parametrize("status", ["rolling_back", *FINISHED])
def test_what_is_over_or_on_its_way_back_is_not_aborted(app, deployer, status):
    rollout = factories.rollout(factories.release(app), status=status)
    words = "is being rolled back already" if status == "rolling_back" else f"over already: {status.replace('_', ' ')}"
    with pytest.raises(WrongState, match=words):
        actions.abort(rollout, by=deployer)
    rollout.refresh_from_db()
    assert rollout.abort_requested_at is None and not AuditEntry.objects.exists()
