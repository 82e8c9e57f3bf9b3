"""Variables: a change is a release, promoted unless it is staged (DESIGN.md, "Not every change is a release")."""

import json

import pytest
from django.test import Client

from releases import actions
from releases.actions.environment import TOTAL_MAX, VALUE_MAX
from releases.errors import Invalid, NotAllowed
from releases.models import App, AuditEntry, Rollout, Token
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def change(app, deployer):
    """Sets and unsets: `change(A="1", unset=["B"], stage=True)`."""

    def apply(*, unset=(), stage=False, **values):
        return actions.set_env(app, by=deployer, set=values, unset=list(unset), stage=stage)

    return apply


def staged(app):
    return App.objects.get(pk=app.pk).staged


def test_before_the_first_build_a_variable_is_staged(app, change):
    done = change(A="1", B="2")
    assert (done.release, done.rollout, done.staged) == (None, None, ["A", "B"])
    change(A="3", unset=["B"])
    assert staged(app) == {"A": "3"}
    assert App.objects.get(pk=app.pk).with_staged({"C": "4"}) == {"A": "3", "C": "4"}


def test_a_change_is_a_new_release_from_the_active_one_and_promoted(app, change):
    active = factories.active(app, env={"A": "1", "B": "2"})
    factories.release(app, env={"NEVER": "promoted"})
    done = change(A="3", C="4", unset=["B"])
    assert done.release.env == {"A": "3", "C": "4"}
    assert (done.release.build_id, done.release.manifest) == (active.build_id, active.manifest)
    assert done.release.description == "env add:C change:A remove:B"
    assert (done.rollout.release, done.rollout.previous, done.rollout.status) == (done.release, active, "queued")
    assert active.env == {"A": "1", "B": "2"}


def test_without_an_active_one_it_starts_from_the_newest(app, change):
    factories.release(app, env={"OLD": "1"})
    newest = factories.release(app, env={"NEW": "1"})
    assert change(A="1").release.env == {"NEW": "1", "A": "1"}
    assert Rollout.objects.get().release.build_id == newest.build_id


def test_nothing_new_is_no_release(app, change):
    factories.active(app, env={"A": "1"})
    done = change(A="1", unset=["GONE"])
    assert not done.changed and done.release is None
    assert app.releases.count() == 1 and not AuditEntry.objects.exists()


def test_a_staged_change_is_a_release_that_is_not_promoted(app, change):
    active = factories.active(app, env={"A": "1", "B": "1"})
    done = change(A="2", unset=["B"], stage=True)
    assert done.rollout is None and done.release.env == {"A": "2"}
    assert staged(app) == {"A": "2", "B": None}
    app.refresh_from_db()
    assert app.active_release == active
    assert app.with_staged(app.environment()) == {"A": "2"}


def test_a_second_staged_change_goes_on_from_the_first(app, change):
    factories.active(app, env={"A": "1"})
    change(B="2", stage=True)
    assert change(C="3", stage=True).release.env == {"A": "1", "B": "2", "C": "3"}
    assert staged(app) == {"B": "2", "C": "3"}


def test_a_change_that_is_not_staged_takes_nothing_that_is(app, change):
    factories.active(app, env={"A": "1"})
    change(B="2", stage=True)
    assert change(C="3").release.env == {"A": "1", "C": "3"}
    assert staged(app) == {"B": "2"}


def test_a_release_that_failed_contributes_nothing(app, change):
    factories.active(app, env={"A": "1"})
    factories.rollout(factories.release(app, env={"A": "1", "BAD": "1"}), status="rolled_back")
    assert change(B="2", stage=True).release.env == {"A": "1", "B": "2"}


def test_staging_back_what_is_active_takes_it_off_the_stage(app, change):
    """Staged A=2, promoted and rolled back; then A=1 is staged: the next build must not bring A=2 again."""
    factories.active(app, env={"A": "1"})
    factories.rollout(change(A="2", stage=True).release, status="rolled_back")
    change(A="1", stage=True)
    fresh = App.objects.get(pk=app.pk)
    assert fresh.with_staged(fresh.environment()) == {"A": "1"}


def test_a_later_change_wins_over_an_earlier_staged_one(app, change):
    """A was staged to go; then somebody sets it for good: the next build must not take it away."""
    factories.active(app, env={"A": "1"})
    change(unset=["A"], stage=True)
    done = change(A="2")
    done.rollout.transition("rolling")
    done.rollout.transition("succeeded")
    App.objects.filter(pk=app.pk).update(active_release=done.release)
    fresh = App.objects.get(pk=app.pk)
    assert fresh.with_staged(fresh.environment()) == {"A": "2"}


def test_a_refused_promote_leaves_no_release(app, change):
    factories.active(app, env={"A": "1"})
    factories.rollout(factories.release(app), status="rolling")
    with pytest.raises(NotAllowed, match="is still running"):
        change(A="2")
    assert app.releases.count() == 2 and not AuditEntry.objects.exists()
    assert change(A="2", stage=True).release is not None  # staging is no promote


def test_the_missing_variable_can_be_set_by_the_change_itself(app, change):
    factories.release(app, manifest="environment: [SECRET_KEY]\nservices: {web: {command: a}}")
    with pytest.raises(NotAllowed, match="SECRET_KEY"):
        change(A="1")
    assert app.releases.count() == 1
    assert change(SECRET_KEY="x").rollout is not None


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "Ä", "A\n", "A" * 129, "\x00"])
def test_a_name_that_no_shell_knows_is_refused(app, change, name):
    for given in ({name: "x"}, {}):
        with pytest.raises(Invalid, match="can't be a variable's name"):
            change(**given, unset=[] if given else [name])
    assert staged(app) == {}


@pytest.mark.parametrize(
    ("values", "unset", "words"),
    [
        ({}, [], "No variable was named"),
        ({"PORT": "1"}, [], "PORT is set by Deployer"),
        ({}, ["PORT"], "PORT is set by Deployer"),
        ({"A": "1"}, ["A"], "can't be set and unset at once"),
        ({"A": "x" * (VALUE_MAX + 1)}, [], "larger than 64 KiB"),
        ({"A": "ü" * (VALUE_MAX // 2 + 1)}, [], "larger than 64 KiB"),
        ({"A": "a\x00b"}, [], "NUL"),
        ({f"V{n}": "x" * VALUE_MAX for n in range(TOTAL_MAX // VALUE_MAX + 1)}, [], "larger than 900 KiB"),
    ],
)
def test_what_cannot_be_is_refused_whole_and_no_value_is_repeated(app, change, values, unset, words):
    with pytest.raises(Invalid, match=words) as invalid:
        change(GOOD="1", unset=unset, **values) if values or unset else change()
    assert "xxxx" not in invalid.value.message
    assert staged(app) == {} and not app.releases.exists()


def test_half_a_character_is_refused_in_words(app, change):
    with pytest.raises(Invalid):
        change(A="\ud800")


@pytest.mark.parametrize("value", ["", " ", "two\nlines\n", "ünï \U0001f600", "x" * VALUE_MAX, "$(rm)", "'\"\\"])
def test_any_other_value_is_kept_to_the_letter(app, change, value):
    factories.active(app)
    release = change(A=value).release
    assert type(release).objects.get(pk=release.pk).env["A"] == value


def test_a_long_description_is_cut_not_refused(app, change):
    factories.active(app)
    done = change(**{f"VARIABLE_NUMBER_{n}": "1" for n in range(100)})
    assert len(done.release.description) <= 300 and done.release.description.startswith("env add:")


@pytest.mark.django_db(transaction=True)
def test_two_who_stage_in_the_same_instant_lose_nothing(together):
    app, by = factories.app(), factories.actor("deployer")
    changes = [lambda n=n: actions.set_env(app, by=by, set={f"V{n}": "1"}, unset=[]) for n in range(4)]
    together(*changes)
    assert staged(app) == {f"V{n}": "1" for n in range(4)}


def test_revealing_shows_what_is_active_else_what_is_staged(app, change, deployer):
    change(A="early")
    app.refresh_from_db()
    assert actions.reveal_env(app, by=deployer) == {"A": "early"}
    factories.active(app, env={"A": "late"})
    assert actions.reveal_env(app, by=deployer) == {"A": "late"}
    assert AuditEntry.objects.filter(action="reveal_env").count() == 2


def test_before_any_release_was_active_a_failed_one_does_not_take_the_variables_with_it(app, deployer):
    """Set SECRET_KEY, see the release crash, mend the code, deploy: it must still be there."""
    factories.release(app)
    actions.set_env(app, by=deployer, set={"SECRET_KEY": "correct horse"}, unset=[])
    app.refresh_from_db()
    assert app.with_staged(app.environment())["SECRET_KEY"] == "correct horse"


def test_replacing_them_all_leaves_nothing_else_staged_or_active(app, deployer):
    factories.active(app, env={"KEPT": "1", "CHANGED": "2", "GONE": "3"})
    App.objects.filter(pk=app.pk).update(staged={"STAGED": "x", "GONE": None, "KEPT": "other"})
    change = actions.replace_env(app, by=deployer, variables={"KEPT": "1", "CHANGED": "4", "NEW": "5"})
    assert change.release.env == {"KEPT": "1", "CHANGED": "4", "NEW": "5"} and change.rollout.release == change.release
    assert change.release.description == "env add:NEW change:CHANGED remove:GONE"
    app.refresh_from_db()
    assert app.staged == {}
    change.rollout.transition("cancelled")
    same = actions.replace_env(app, by=deployer, variables={"KEPT": "1", "CHANGED": "2", "GONE": "3"})
    assert (same.changed, same.release) == (False, None)
    none = actions.replace_env(app, by=deployer, variables={}, stage=True)
    assert none.release.env == {} and none.rollout is None
    app.refresh_from_db()
    assert app.with_staged(app.environment()) == {}


def test_before_the_first_build_replacing_them_all_replaces_what_is_staged(app, deployer):
    actions.set_env(app, by=deployer, set={"A": "1", "B": "2"}, unset=[])
    actions.replace_env(app, by=deployer, variables={"B": "3"})
    app.refresh_from_db()
    assert app.staged == {"B": "3"}


def test_what_can_not_be_is_no_whole_environment_either(app, deployer):
    factories.active(app, env={"A": "1"})
    for variables in ({"PORT": "1"}, {"1A": "x"}, {"A": "\x00"}):
        with pytest.raises(Invalid):
            actions.replace_env(app, by=deployer, variables=variables)
    with pytest.raises(NotAllowed):
        actions.replace_env(app, by=factories.actor("viewer"), variables={"A": "2"})
    assert app.releases.count() == 1


def test_all_are_replaced_over_the_api(app, deployer):
    factories.active(app, env={"A": "1", "GONE": "x"})
    client = Client(headers={"Authorization": f"Bearer {Token.issue(deployer.person, name='tests')[1]}"})
    path = f"/api/apps/{app.name}/env"

    def put(**document):
        return client.put(path, json.dumps(document), content_type="application/json")

    said = put(variables={"A": "2"})
    assert said.status_code == 200 and said.json()["rollout"] == 2
    assert app.releases.first().env == {"A": "2"}
    assert put(variables={"A": 1}).status_code == 422 and put().status_code == 422
    refused = put(variables={"A": "3"})
    assert refused.status_code == 409 and "is still running" in refused.json()["error"]["message"]
