"""That an app has stopped promoting by itself outlives its repository, its wishes and whoever changes them."""

import pytest

from releases import actions
from releases.errors import WrongState
from releases.models import App, AuditEntry, Release, Source
from tests import factories
from tests.github_payloads import ONE, THREE, TWO
from tests.test_pushes import built, ends, goes_on, rollout_of, source
from tests.test_webhooks import SECRET, URL, source_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def app(deployer):
    made = factories.app(by=deployer, name="shop")
    source_of(made)
    return made


@pytest.fixture
def admin(db):
    return factories.actor("administrator")


def connect(app, by, on_push="promote"):
    actions.set_source(app, by=by, url=URL, on_push=on_push)
    Source.objects.filter(app=app).update(webhook_secret=SECRET)


def test_a_repository_that_is_connected_anew_while_its_push_is_rolled_out(app, admin):
    """That rollout fails after all: the next push waits for a person, and so does the commit that failed."""
    rollout = rollout_of(built(ONE))
    actions.remove_source(app, by=admin)
    connect(app, admin)
    ends(rollout, "rolled_back")
    assert source().stopped_why.startswith("Rollout 1 of")
    assert rollout_of(built(TWO, before=ONE)) is None
    actions.resume(app, by=admin)
    led_back = built(ONE, before=TWO)
    assert led_back.refusals == ["1111111 is not promoted by itself again: its rollout 1 was rolled back."]
    assert rollout_of(built(THREE, before=ONE)) is not None


def test_one_that_failed_while_no_repository_was_connected(app, admin):
    rollout = rollout_of(built(ONE))
    actions.remove_source(app, by=admin)
    goes_on(rollout, "failed")
    connect(app, admin)
    assert source().stopped_why.startswith("Rollout 1 of")
    assert rollout_of(built(TWO, before=ONE)) is None


def test_who_disconnects_and_connects_again_has_not_resumed(app, admin):
    ends(rollout_of(built(ONE)), "rolled_back")
    why = source().stopped_why
    actions.remove_source(app, by=admin)
    with pytest.raises(WrongState):
        actions.resume(app, by=admin)
    connect(app, admin)
    assert source().stopped_why == why


def test_who_wishes_later_that_pushes_are_promoted_has_not_resumed_after_a_rollback(app, admin):
    Source.objects.update(on_push="build")
    old = factories.active(app)
    factories.active(app)
    ends(actions.rollback(old, by=admin), "succeeded")
    assert source().stopped_at is None, "nothing is promoted by itself, and so nothing has stopped"
    assert not AuditEntry.objects.filter(action="stop_promoting").exists()
    connect(app, admin)
    assert source().stopped_why == f"{admin.label} rolled back to {old.pk}."
    refused = built(ONE)
    assert refused.refusals[0].startswith("shop promotes nothing by itself until a person resumes")
    actions.resume(app, by=admin)
    assert rollout_of(built(TWO, before=ONE)).automatic


def test_a_wish_that_changes_to_and_fro_while_a_push_is_rolled_out(app, admin):
    rollout = rollout_of(built(ONE))
    connect(app, admin, on_push="build")
    ends(rollout, "rolled_back")
    connect(app, admin)
    assert source().stopped_why.startswith("Rollout 1 of")


def test_who_goes_on_by_hand_where_all_is_by_hand_needs_not_resume(app, admin):
    Source.objects.update(on_push="build")
    old = factories.active(app)
    factories.active(app)
    ends(actions.rollback(old, by=admin), "succeeded")
    ends(actions.promote(factories.release(app, build=old.build), by=admin), "succeeded")  # as `env set` makes one
    assert App.objects.get().stopped_at is not None
    ends(actions.promote(factories.release(app), by=admin), "rolled_back")
    assert App.objects.get().stopped_at is not None
    ends(actions.promote(factories.release(app), by=admin), "succeeded")
    connect(app, admin)
    assert source().stopped_at is None
    assert rollout_of(built(ONE)).automatic


def test_a_promote_by_hand_is_no_resuming_where_pushes_are_promoted(app, admin):
    ends(rollout_of(built(ONE)), "rolled_back")
    release = built(TWO, before=ONE).releases.get()
    ends(actions.promote(release, by=admin), "succeeded")
    assert source().stopped_at is not None
    assert Release.objects.get(pk=release.pk).app.active_release_id == release.pk
