"""Who may do what, and every reason why not."""

import pytest

from releases import policy
from releases.errors import NotAllowed
from tests import factories

pytestmark = pytest.mark.django_db

EVERYBODY = {"viewer", "deployer", "administrator"}
DEPLOYERS = {"deployer", "administrator"}
MAY = {
    "view": EVERYBODY,
    "view_audit": {"administrator"},
    "create_app": DEPLOYERS,
    "create_build": DEPLOYERS,
    "cancel_build": DEPLOYERS,
    "promote": DEPLOYERS,
    "rollback": DEPLOYERS,
    "abort": DEPLOYERS,
    "set_env": DEPLOYERS,
    "reveal_env": DEPLOYERS,
    "scale": DEPLOYERS,
    "restart": DEPLOYERS,
    "stop_process": DEPLOYERS,
    "run": DEPLOYERS,
    "manage_source": DEPLOYERS,
    "resume": DEPLOYERS,
    "replay_delivery": DEPLOYERS,
    "create_release": DEPLOYERS,
    "continue_rollout": DEPLOYERS,
    "manage_domains": DEPLOYERS,
    "lock": DEPLOYERS,
    "unlock": DEPLOYERS,
    "delete_app": {"administrator"},
    "abandon_app": {"administrator"},
    "manage_members": {"administrator"},
    "manage_tokens": EVERYBODY,
    "manage_people": {"administrator"},
    "manage_clusters": {"administrator"},
    "manage_registries": {"administrator"},
}


def test_every_action_is_in_this_table():
    assert set(MAY) == set(policy.ACTIONS)


@pytest.mark.parametrize("action", sorted(MAY))
@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_each_role_may_what_it_should(action, role):
    actor = factories.actor(role)
    if role in MAY[action]:
        policy.require(action, by=actor)
        assert policy.refusals(action, by=actor) == []
    else:
        with pytest.raises(NotAllowed) as refusal:
            policy.require(action, by=actor)
        needed = "administrator" if "deployer" not in MAY[action] else "deployer"
        assert refusal.value.reasons == [f"{action.replace('_', ' ').capitalize()} needs the role {needed}."]
        assert refusal.value.forbidden


@pytest.mark.parametrize("action", sorted(MAY))
def test_nobody_may_nothing_and_neither_may_who_was_shut_out(action):
    person = factories.person("administrator")
    person.is_active = False
    for actor in (policy.NOBODY, policy.actor_for(person)):
        with pytest.raises(NotAllowed):
            policy.require(action, by=actor)


def test_an_action_that_nobody_knows_is_an_error_not_a_permission():
    with pytest.raises(KeyError):
        policy.require("fly", by=policy.SYSTEM)


def test_all_reasons_are_given_the_gravest_first(app):
    release = factories.release(app, manifest="environment: [SECRET_KEY, TOKEN]\nservices: {web: {command: a}}")
    rollout = factories.rollout(factories.release(app), status="rolling")
    reasons = policy.refusals("promote", by=factories.actor("viewer"), app=app, release=release)
    assert [(reason.name, reason.forbidden) for reason in reasons] == [
        ("role", True),
        ("rollout_in_progress", False),
        ("variable_missing", False),
        ("variable_missing", False),
    ]
    assert str(reasons[1]) == (
        f"Rollout 1 of {app.name} ({rollout.release_id}) is still running. "
        "Wait for its end, abort it, or replace it (`--replace`)."
    )
    assert str(reasons[2]) == (
        "SECRET_KEY is required by the manifest and not set: set it with `env set SECRET_KEY=…`."
    )


def test_a_wrong_moment_is_no_want_of_a_right(app, deployer):
    release = factories.release(app)
    factories.rollout(release, status="paused")
    with pytest.raises(NotAllowed) as refusal:
        policy.require("promote", by=deployer, app=app, release=release)
    assert not refusal.value.forbidden


def test_the_author_has_the_rights_of_today_not_of_then(app):
    person = factories.person("deployer")
    build = factories.build(app, by=policy.actor_for(person, via="laptop"))
    assert policy.author_of(build).label == f"{person.username} (laptop)"
    assert policy.author_of(build).role == "deployer"
    person.role = "viewer"
    person.save()
    build.refresh_from_db()
    assert policy.author_of(build).role == "viewer"
    person.delete()
    build.refresh_from_db()
    author = policy.author_of(build)
    assert (author.role, author.label) == (None, f"{person.username} (laptop)")
