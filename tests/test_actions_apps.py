"""Create and delete apps; scale; and what every action leaves in the audit."""

import json

import pytest

from releases import actions, logs
from releases.errors import ClusterUnavailable, Invalid, NotAllowed, Taken
from releases.models import App, AuditEntry, LogLine
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cluster_row")]


@pytest.mark.parametrize("name", ["a", "hello", "my-app-2", "a" * 40, "a--b"])
def test_a_dns_label_is_an_apps_name(deployer, name):
    app = actions.create_app(name, by=deployer)
    assert App.objects.get(name=name) == app and app.by == deployer.person
    assert app.namespace == f"deployer-{name}" and len(app.namespace) <= 63


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "1a", "A", "a_b", "a.b", "a b", "a\n", "a\x00", "ä", "a" * 41, "a/b", "..", "a" * 100_000, "аpp"],
)
def test_anything_else_is_not_and_the_answer_says_what_is(deployer, name):
    with pytest.raises(Invalid, match="small letters, digits and hyphens") as invalid:
        actions.create_app(name, by=deployer)
    assert len(invalid.value.message) < 400
    assert not App.objects.exists() and not AuditEntry.objects.exists()


def test_a_taken_name_is_refused_and_nothing_is_left_of_the_try(deployer, app):
    with pytest.raises(Taken, match=f"There is an app {app.name} already."):
        actions.create_app(app.name, by=deployer)
    assert App.objects.count() == 1 and not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_want_one_name_in_the_same_instant_one_gets_it(together):
    by = factories.actor("deployer")
    results = together(*[lambda: actions.create_app("hello", by=by)] * 3)
    assert sorted(type(result).__name__ for result in results) == ["App", "Taken", "Taken"]
    assert AuditEntry.objects.count() == 1


# --- Delete ---------------------------------------------------------------------------------------------------------


def test_deleting_needs_an_administrator_and_no_rollout_that_runs(app, deployer):
    with pytest.raises(NotAllowed) as refusal:
        actions.delete_app(app, by=deployer)
    assert refusal.value.forbidden
    factories.rollout(factories.release(app), status="rolling")
    with pytest.raises(NotAllowed, match=r"is still running\. Wait for its end, or abort it\.$"):
        actions.delete_app(app, by=factories.actor("administrator"))
    assert App.objects.filter(pk=app.pk).exists()


def test_while_the_cluster_is_away_nothing_is_deleted(app):
    build = factories.build(app, status="running")
    logs.append(build, [logs.Line("build", "hello")])
    with pytest.raises(ClusterUnavailable):
        actions.delete_app(app, by=factories.actor("administrator"))
    assert App.objects.filter(pk=app.pk).exists() and LogLine.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_an_app_of_a_cluster_that_will_not_come_back_can_be_abandoned_with_a_rollout_that_waits_for_it(app):
    rollout = factories.rollout(factories.release(app))
    boss = factories.actor("administrator")
    with pytest.raises(NotAllowed, match="is still running"):
        actions.delete_app(app, by=boss)
    [left] = actions.delete_app(app, by=boss, abandon=True)
    assert f"Namespace {app.namespace}, with what is in it, was left behind" in left
    assert not App.objects.exists() and not type(rollout).objects.exists()
    assert AuditEntry.objects.get(action="delete_app").detail["left"] == [left]
    with pytest.raises(NotAllowed, match="administrator"):
        actions.delete_app(factories.app(), by=factories.actor("deployer"), abandon=True)


# --- Scale ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [-1, -1000, 1001, 10**12])
def test_an_absurd_number_of_processes_is_refused_at_the_door(app, deployer, count):
    factories.active(app)
    with pytest.raises(Invalid, match="a whole number from 0 to 1000"):
        actions.scale(app, "web", count, by=deployer)
    app.refresh_from_db()
    assert app.scale == {} and not AuditEntry.objects.exists()


def test_an_unknown_service_is_refused_naming_those_there_are(app, deployer):
    with pytest.raises(Invalid, match="it has no release yet"):
        actions.scale(app, "web", 1, by=deployer)
    factories.active(app, manifest="services: {web: {command: a}, clock: {command: b}}")
    with pytest.raises(Invalid, match="has no service wbe: it has clock, web"):
        actions.scale(app, "wbe", 1, by=deployer)


def test_a_scale_that_the_cluster_did_not_get_is_not_remembered(app, deployer):
    factories.active(app)
    with pytest.raises(ClusterUnavailable):
        actions.scale(app, "web", 3, by=deployer)
    app.refresh_from_db()
    assert app.scale == {} and not AuditEntry.objects.exists()


# --- Audit ----------------------------------------------------------------------------------------------------------


def test_every_action_is_in_the_audit_and_no_value_is(deployer):
    secret = "value-that-nobody-may-read"
    app = actions.create_app("hello", by=deployer)
    actions.set_env(app, by=deployer, set={"EARLY": secret}, unset=[])
    queued = actions.create_build(app, source=factories.tar_gz({"a": "b"}), by=deployer)
    actions.cancel_build(queued, by=deployer)
    old = factories.active(app, by=deployer, env={"A": secret})
    factories.active(app, by=deployer, env={"A": secret + "2"})
    changed = actions.set_env(app, by=deployer, set={"B": secret}, unset=["A"])
    actions.abort(changed.rollout, by=deployer)
    actions.abort(actions.promote(changed.release, by=deployer, note="why"), by=deployer)
    rolled = actions.rollback(old, by=deployer)
    actions.abort(rolled, by=deployer)
    actions.reveal_env(app, by=deployer)
    entries = AuditEntry.objects.order_by("id")
    assert [(entry.action, entry.subject) for entry in entries] == [
        ("create_app", "hello"),
        ("set_env", ""),
        ("create_build", queued.pk),
        ("cancel_build", queued.pk),
        ("set_env", changed.release.pk),
        ("promote", changed.release.pk),
        ("abort", "3"),
        ("promote", changed.release.pk),
        ("abort", "4"),
        ("rollback", rolled.release.pk),
        ("abort", "5"),
        ("reveal_env", ""),
    ]
    for entry in entries:
        assert (entry.by, entry.by_label, entry.app_name) == (deployer.person, deployer.label, "hello")
        assert secret not in json.dumps(entry.detail)
    assert entries[4].detail == {"set": ["B"], "unset": ["A"], "stage": False}
    app.delete()
    assert AuditEntry.objects.filter(app_name="hello").count() == 12  # they outlive the app


def test_what_was_refused_is_no_deed(app):
    viewer = factories.actor("viewer")
    release = factories.release(app)
    for deed in (
        lambda: actions.create_app("other", by=viewer),
        lambda: actions.promote(release, by=viewer),
        lambda: actions.rollback(release, by=viewer),
        lambda: actions.set_env(app, by=viewer, set={"A": "1"}, unset=[]),
        lambda: actions.reveal_env(app, by=viewer),
        lambda: actions.scale(app, "web", 1, by=viewer),
        lambda: actions.create_build(app, source=factories.tar_gz({"a": ""}), by=viewer),
        lambda: actions.cancel_build(release.build, by=viewer),
        lambda: actions.abort(factories.rollout(release, status="failed"), by=viewer),
        lambda: actions.delete_app(app, by=viewer),
    ):
        with pytest.raises(NotAllowed) as refusal:
            deed()
        assert refusal.value.forbidden and refusal.value.reasons
    assert not AuditEntry.objects.exists()
