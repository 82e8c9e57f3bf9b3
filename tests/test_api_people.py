"""People, their roles, and who did what."""

import json

import pytest
from django.test import Client

from releases import audit, policy
from releases.models import AuditEntry, Person, Token
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "a long walk in the rain"


@pytest.fixture
def ann() -> Person:
    return factories.person("administrator", "ann")


@pytest.fixture
def client(ann) -> Client:
    return client_of(ann)


def client_of(person: Person, **wish: object) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(person, name='robot', **wish)[1]}"})


def ask(client: Client, method: str, address: str, body: object = None):
    data = "" if body is None else json.dumps(body)
    return client.generic(method, f"/api{address}", data, content_type="application/json")


# --- People ---------------------------------------------------------------------------------------------------------


def test_somebody_new_comes_in_by_a_link_and_gets_a_role(client):
    made = ask(client, "POST", "/people", {"username": "bob", "role": "deployer"})
    assert made.status_code == 201 and made.json()["has_password"] is False
    link = ask(client, "POST", "/people/bob/link")
    assert link.status_code == 201
    browser, path = Client(), "/sign-in/" + link.json()["url"].partition("/sign-in/")[2]
    assert browser.post(path).status_code == 302
    assert ask(browser, "GET", "/me").json()["role"] == "deployer"
    assert Client().post(path).status_code == 410, "it works once"
    entry = AuditEntry.objects.get(action="sign_in_link")
    assert link.json()["url"] not in json.dumps(entry.detail)


def test_what_is_said_of_people_holds_no_secret(client, ann):
    person = ask(client, "GET", "/people").json()["items"][0]
    known = {"username", "role", "active", "email", "has_password", "last_sign_in", "locked_until", "created"}
    assert set(person) == known
    assert ann.password not in json.dumps(person)


def test_who_is_shut_out_is_out_at_once_and_gets_no_link(client):
    bob = factories.person("deployer", "bob")
    browser, robot = Client(), client_of(bob)
    browser.force_login(bob)
    assert ask(client, "PATCH", "/people/bob", {"active": False}).json()["active"] is False
    assert ask(browser, "GET", "/me").status_code == ask(robot, "GET", "/me").status_code == 401
    assert ask(client, "POST", "/people/bob/link").status_code == 409
    assert ask(client, "PATCH", "/people/bob", {"active": True}).json()["active"] is True
    entries = AuditEntry.objects.filter(action="change_person").order_by("pk")
    assert [entry.detail["active"] for entry in entries] == [False, True]


def test_a_new_password_works_and_signs_out(client):
    bob = factories.person("deployer", "bob")
    browser = Client()
    browser.force_login(bob)
    assert ask(client, "PATCH", "/people/bob", {"password": PASSWORD + "!"}).status_code == 200
    assert ask(browser, "GET", "/me").status_code == 401
    assert ask(Client(), "POST", "/tokens", {"username": "bob", "password": PASSWORD + "!"}).status_code == 201
    assert PASSWORD not in json.dumps(AuditEntry.objects.get(action="change_person").detail)


def test_the_last_administrator_stays_one(client):
    for change in ({"role": "viewer"}, {"active": False}):
        refused = ask(client, "PATCH", "/people/ann", change)
        assert (refused.status_code, Person.objects.get(username="ann").role) == (409, "administrator")


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"username": "ann"}, 409),
        ({"username": "a b"}, 422),
        ({"username": "a/b"}, 422),
        ({"username": "a\0b"}, 422),
        ({"username": "bob", "role": "king"}, 422),
        ({"username": "bob", "password": "12345"}, 422),
        ({"username": "bob", "email": "nowhere"}, 422),
        ({"username": "bob", "is_superuser": True}, 422),
    ],
)
def test_who_can_not_be_is_refused_in_words(client, wish, status):
    refused = ask(client, "POST", "/people", wish)
    assert (refused.status_code, Person.objects.count()) == (status, 1)
    assert refused.json()["error"]["message"]


def test_only_administrators_with_a_token_for_all_manage_people(ann):
    app = factories.app()
    for client in (
        client_of(factories.person("deployer")),
        client_of(ann, scopes=["promote"]),
        client_of(ann, apps=[app]),
    ):
        for method, address in (("GET", ""), ("POST", ""), ("GET", "/ann"), ("PATCH", "/ann"), ("POST", "/ann/link")):
            body = {"username": "eve"} if (method, address) == ("POST", "") else {}
            assert ask(client, method, f"/people{address}", body).status_code == 403
    assert ask(client_of(ann), "GET", "/people/nobody").status_code == 404


# --- Audit ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def history(ann):
    shop, blog = factories.app("shop"), factories.app("blog")
    bob = policy.actor_for(factories.person("deployer", "bob"), via="token ci")
    audit.record("promote", by=bob, app=shop, subject="RAAAAAAAAAA")
    audit.record("promote", by=bob, app=blog, subject="RBBBBBBBBBB")
    audit.record("set_env", by=policy.actor_for(ann), app=shop, set=["COLOUR"])
    audit.record("create_person", by=policy.actor_for(ann), subject="bob")
    return shop, blog


def subjects(client: Client, query: str = "") -> list[str]:
    return [entry["subject"] for entry in ask(client, "GET", f"/audit{query}").json()["items"]]


def test_the_history_can_be_searched(client, history):
    assert subjects(client) == ["bob", "", "RBBBBBBBBBB", "RAAAAAAAAAA"]
    assert subjects(client, "?app=shop") == ["", "RAAAAAAAAAA"]
    assert subjects(client, "?actor=bob&app=blog") == ["RBBBBBBBBBB"]
    assert subjects(client, "?actor=bob+(token+ci)&action=promote") == ["RBBBBBBBBBB", "RAAAAAAAAAA"]
    assert subjects(client, "?since=2999-01-01T00:00:00Z") == []
    assert subjects(client, "?until=2999-01-01T00:00:00%2B02:00&limit=1") == ["bob"]


def test_pages_are_the_same_whatever_happens_meanwhile(client, history, ann):
    first = ask(client, "GET", "/audit?limit=2").json()
    audit.record("create_person", by=policy.actor_for(ann), subject="eve")
    second = ask(client, "GET", f"/audit?limit=2&cursor={first['next']}").json()
    found = [entry["subject"] for page in (first, second) for entry in page["items"]]
    assert (found, second["next"]) == (["bob", "", "RBBBBBBBBBB", "RAAAAAAAAAA"], None)


def test_others_see_what_was_done_to_apps_and_a_token_what_was_done_to_its_own(history, ann):
    shop, _ = history
    viewer = factories.person("viewer", "vic")
    assert subjects(client_of(viewer)) == ["", "RBBBBBBBBBB", "RAAAAAAAAAA"]
    assert subjects(client_of(ann, apps=[shop])) == ["", "RAAAAAAAAAA"]
    assert subjects(client_of(ann, apps=[shop]), "?app=blog") == []
    assert subjects(client_of(ann, apps=[])) == []


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=0.5", "until=2026-01-01T00:00:00", "since=0001-01-01T00:00:00%2B14:00", "cursor=x"],
)
def test_what_can_not_be_searched_for_is_refused(client, query):
    assert ask(client, "GET", f"/audit?{query}").status_code == 422


def test_the_server_tells_its_limits(client):
    info = ask(client, "GET", "/server").json()
    assert info["database"] in ("sqlite", "postgresql")
    assert info["limits"]["upload_bytes"] > 0
    assert info["parts"]["database"] == "" and info["parts"]["redis"], "no Redis is there in this test"
    assert info["ready"] is False
