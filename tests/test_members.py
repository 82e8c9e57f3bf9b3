"""Members of an app: what their role there opens, by every door, and what it does not."""

import json
from html import unescape

import pytest
from django.test import Client
from pages_world import make_world

from releases import actions, policy
from releases.errors import Invalid, NotAllowed
from releases.models import App, AuditEntry, Membership, Person, Token
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture
def other(world):
    return App.objects.create(name="other", cluster=factories.cluster(), **world.actor().columns())


@pytest.fixture
def viewer(world):
    return world.people["viewer"]


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


def make_member(world, person, role="deployer"):
    return actions.set_member(world.app, person, role, by=world.actor("administrator"))


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def with_token(person, **given):
    _, secret = Token.issue(person, name="ci", **given)
    return Client(headers={"Authorization": f"Bearer {secret}"})


def ask(client, method, path, body=None):
    return client.generic(method, f"/api{path}", json.dumps(body) if body else "", content_type="application/json")


def text(response):
    return unescape(response.content.decode())


def named(reasons):
    return [reason.name for reason in reasons]


# --- Policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["deployer", "administrator"])
def test_a_member_may_in_their_app_what_the_role_allows_and_elsewhere_what_they_might(world, other, viewer, role):
    make_member(world, viewer, role)
    by = policy.actor_for(viewer)
    for action, right in policy.ACTIONS.items():
        theirs = not right.everywhere and policy.rank(role) >= policy.rank(right.role)
        in_general = policy.rank("viewer") >= policy.rank(right.role)
        assert (policy.lacking(action, by=by, app_id=world.app.pk) == []) == (theirs or in_general), action
        assert (policy.lacking(action, by=by, app_id=other.pk) == []) == in_general, action
        assert (policy.lacking(action, by=by) == []) == in_general, action
        assert (action not in policy.withheld(by=by)) == (theirs or in_general), action


def test_the_refusal_says_that_either_role_would_do(world, viewer):
    reasons = policy.refusals("promote", by=policy.actor_for(viewer), app=world.app)
    assert [str(reason) for reason in reasons] == ["Promote needs the role deployer, here or in general."]
    everywhere = policy.refusals("create_app", by=policy.actor_for(viewer))
    assert [str(reason) for reason in everywhere] == ["Create app needs the role deployer."]


def test_a_lower_membership_takes_nothing_away(world):
    make_member(world, world.people["administrator"], "deployer")
    assert policy.refusals("delete_app", by=world.actor("administrator"), app=world.app) == []
    assert policy.role_in(world.app.pk, world.actor("administrator")) == "administrator"


def test_who_is_shut_out_may_nothing_as_a_member_either(world, viewer):
    make_member(world, viewer, "administrator")
    Person.objects.filter(pk=viewer.pk).update(is_active=False)
    viewer.refresh_from_db()
    assert named(policy.refusals("view", by=policy.actor_for(viewer), app=world.app)) == ["role"]
    assert ask(with_token(viewer), "GET", "/apps/hello").status_code == 401


def test_a_token_may_no_more_than_its_person_there(world, other, viewer):
    make_member(world, viewer)
    build, wide = with_token(viewer, scopes=["build"], apps=[world.app]), with_token(viewer)
    promote = f"/apps/hello/releases/{world.newest.pk}/promote"
    refused = ask(build, "POST", promote)
    assert refused.status_code == 403 and "scope promote" in refused.json()["error"]["message"]
    assert ask(wide, "PATCH", "/apps/other/env", {"set": {"A": "b"}}).status_code == 403
    beyond = with_token(viewer, scopes=["promote"], apps=[other])
    assert ask(beyond, "POST", promote).status_code == 404
    assert ask(wide, "POST", promote).status_code == 201
    assert ask(wide, "POST", "/apps", {"name": "mine"}).status_code == 403


def test_memberships_are_asked_for_once_and_only_where_they_matter(world, viewer, django_assert_num_queries):
    make_member(world, viewer)
    by, deployer = policy.actor_for(viewer), world.actor("deployer")
    with django_assert_num_queries(1):
        for action in policy.ACTIONS:
            policy.lacking(action, by=by, app_id=world.app.pk)
    with django_assert_num_queries(0):
        policy.lacking("promote", by=deployer, app_id=world.app.pk)


# --- By every door --------------------------------------------------------------------------------------------------


def test_a_viewer_who_is_a_member_promotes_on_the_pages(world, viewer):
    client = signed_in(viewer)
    path = f"/apps/hello/releases/{world.newest.pk}"
    assert "needs the role deployer, here or in general" in text(client.post(f"{path}/promote"))
    make_member(world, viewer)
    page = text(client.get(path))
    assert "needs the role" not in page.partition("Promote")[2]
    assert client.post(f"{path}/promote").url == "/apps/hello/rollouts/3"
    assert client.post("/apps/new", {"name": "mine"}).status_code == 403


def test_what_was_begun_as_a_member_stops_when_that_ends(world, viewer):
    make_member(world, viewer)
    build = world.newest.build
    type(build).objects.filter(pk=build.pk).update(by=viewer, by_label=viewer.username)
    build.refresh_from_db()
    assert policy.refusals("promote", by=policy.author_of(build), app=world.app) == []
    actions.remove_member(world.app, viewer, by=world.actor("administrator"))
    assert named(policy.refusals("promote", by=policy.author_of(build), app=world.app)) == ["role"]


def test_members_over_the_api(world, viewer):
    root = with_token(world.people["administrator"])
    assert ask(root, "GET", "/apps/hello/members").json()["items"] == []
    given = ask(root, "PUT", "/apps/hello/members/a-viewer", {"role": "deployer"})
    assert given.status_code == 200 and given.json()["role"] == "deployer" and given.json()["general_role"] == "viewer"
    assert ask(root, "PUT", "/apps/hello/members/a-viewer", {"role": "administrator"}).json()["role"] == "administrator"
    assert ask(root, "PUT", "/apps/hello/members/a-viewer", {"role": "viewer"}).status_code == 422
    assert ask(root, "PUT", "/apps/hello/members/nobody", {"role": "deployer"}).status_code == 404
    assert Membership.objects.count() == 1

    member = with_token(viewer)  # as an administrator of the app they may have others help
    assert ask(member, "PUT", "/apps/hello/members/a-deployer", {"role": "deployer"}).status_code == 200
    names = [each["username"] for each in ask(member, "GET", "/apps/hello/members").json()["items"]]
    assert names == ["a-deployer", "a-viewer"]
    assert ask(member, "GET", "/people").status_code == 403
    assert ask(member, "DELETE", "/apps/hello/members/a-viewer").status_code == 204
    assert ask(member, "PUT", "/apps/hello/members/nobody", {"role": "deployer"}).status_code == 403, "out by now"
    assert ask(root, "DELETE", "/apps/hello/members/a-viewer").status_code == 422
    told = AuditEntry.objects.filter(action__endswith="_member").order_by("id")
    assert [(each.action, each.app_name, each.subject, each.detail["role"]) for each in told] == [
        ("set_member", "hello", "a-viewer", "deployer"),
        ("set_member", "hello", "a-viewer", "administrator"),
        ("set_member", "hello", "a-deployer", "deployer"),
        ("remove_member", "hello", "a-viewer", "administrator"),
    ]


def test_only_administrators_of_the_app_or_in_general_give_roles(world, viewer):
    for person in (viewer, world.people["deployer"]):
        with pytest.raises(NotAllowed, match="Manage members needs the role administrator, here or in general"):
            actions.set_member(world.app, viewer, "deployer", by=policy.actor_for(person))
    with pytest.raises(Invalid, match="deployer or administrator"):
        actions.set_member(world.app, viewer, "viewer", by=world.actor("administrator"))


def test_members_go_with_their_app(world, viewer):
    make_member(world, viewer)
    world.app.delete()
    assert not Membership.objects.exists() and Person.objects.filter(pk=viewer.pk).exists()


# --- The page -------------------------------------------------------------------------------------------------------

PAGE = "/apps/hello/settings/members"


def test_the_page_says_who_may_what_and_by_what(world, viewer):
    make_member(world, viewer)
    page = text(signed_in(world.people["administrator"]).get(PAGE))
    assert "a-viewer" in page and "given by a-administrator" in page and "viewer in general" in page
    assert "their role in general" in page and 'aria-label="Remove a-viewer"' in page
    page = text(signed_in(world.people["deployer"]).get(PAGE))
    assert "Manage members needs the role administrator, here or in general." in page and "Remove" not in page


def test_a_role_is_given_and_taken_on_the_page(world, viewer):
    client = signed_in(world.people["administrator"])
    assert client.post(PAGE, {"username": "a-viewer", "role": "administrator"}).url == PAGE
    assert "a-viewer is administrator of hello" in text(client.get(PAGE))
    assert policy.role_in(world.app.pk, policy.actor_for(viewer)) == "administrator"
    for given, status, words in (
        ({"username": "zoe", "role": "deployer"}, 422, "There is nobody named zoe"),
        ({"username": "a\x00b", "role": "deployer"}, 422, "Null characters"),
        ({"username": "a-viewer", "role": "king"}, 422, "king"),
    ):
        response = client.post(PAGE, given)
        assert response.status_code == status and words in text(response), given
    assert client.post(f"{PAGE}/{viewer.pk}/remove").url == PAGE
    assert not Membership.objects.exists()
    assert client.post(f"{PAGE}/{viewer.pk}/remove").status_code == 422
    assert client.post(f"{PAGE}/{10**30}/remove").status_code == 404
    refused = signed_in(viewer).post(PAGE, {"username": "a-viewer", "role": "deployer"})
    assert refused.status_code == 403 and not Membership.objects.exists()


def test_the_page_asks_the_database_as_often_for_many_members(world, django_assert_num_queries):
    client = signed_in(world.people["administrator"])
    make_member(world, world.people["viewer"])
    few = _queries(client, PAGE)
    for number in range(12):
        person = Person.objects.create_person(f"p-{number}", role="deployer" if number % 2 else "viewer")
        make_member(world, person, "administrator")
    assert _queries(client, PAGE) == few


def _queries(client, path):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)
