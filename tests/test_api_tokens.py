"""What a token is good for: never more than its scopes, its apps, and what its person may today."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from releases import policy
from releases.models import App, AuditEntry, Person, Token
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Person:
    return factories.person("administrator", "ann")


@pytest.fixture
def shop() -> App:
    return factories.app("shop")


@pytest.fixture
def blog() -> App:
    return factories.app("blog")


def with_token(person: Person, **wish: object) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(person, name='robot', **wish)[1]}"})


def ask(client: Client, method: str, address: str, body: object = None):
    data = "" if body is None else json.dumps(body)
    return client.generic(method, f"/api{address}", data, content_type="application/json")


# --- Scopes ---------------------------------------------------------------------------------------------------------

SCOPE_OF = {
    "view": "read",
    "view_audit": "read",
    "create_build": "build",
    "cancel_build": "build",
    "promote": "promote",
    "rollback": "promote",
    "abort": "promote",
    "set_env": "promote",
    "scale": "promote",
    "resume": "promote",
    "create_release": "promote",
    "continue_rollout": "promote",
    "restart": "promote",
    "stop_process": "promote",
    "run": "promote",
}


@pytest.mark.parametrize("scope", Token.SCOPES)
def test_a_scope_opens_its_own_actions_and_reading(ann, scope):
    token, _ = Token.issue(ann, name="robot", scopes=[scope])
    may = {action for action in policy.ACTIONS if not policy.refusals(action, by=policy.actor_with(token))}
    # What is in no other scope takes all that the person may.
    opened = {action for action in policy.ACTIONS if scope == "admin" or SCOPE_OF.get(action) in ("read", scope)}
    assert may == opened


def test_a_scope_gives_no_right_that_its_person_has_not():
    token, _ = Token.issue(factories.person("viewer"), name="robot", scopes=["promote", "admin"])
    reasons = policy.refusals("promote", by=policy.actor_with(token))
    assert [reason.name for reason in reasons] == ["role"]


def test_a_token_that_reads_changes_nothing_and_is_told_why(ann, shop):
    refused = ask(with_token(ann, scopes=["read"]), "PATCH", "/apps/shop/env", {"set": {"COLOUR": "red"}})
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "Set env needs a token with the scope promote."


def test_a_token_that_builds_cannot_have_the_server_promote(ann, shop):
    client = with_token(ann, scopes=["build"])
    source = {"source": factories.tar_gz({"app.py": "print(1)"})}
    refused = client.post("/api/apps/shop/builds", {**source, "promote": "true"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        403,
        "Promote needs a token with the scope promote.",
    )
    source["source"].seek(0)
    assert client.post("/api/apps/shop/builds", source).status_code == 201
    assert not shop.builds.get().promote


def test_values_of_variables_are_for_a_token_that_may_all(ann, shop):
    assert ask(with_token(ann, scopes=["promote"]), "GET", "/apps/shop/env?reveal=true").status_code == 403
    assert ask(with_token(ann), "GET", "/apps/shop/env?reveal=true").status_code == 200


# --- Apps -----------------------------------------------------------------------------------------------------------


def test_an_app_out_of_reach_is_not_there(ann, shop, blog):
    client = with_token(ann, apps=[shop])
    assert [app["name"] for app in ask(client, "GET", "/apps").json()["items"]] == ["shop"]
    assert ask(client, "GET", "/apps/shop").status_code == 200
    hidden, unknown = ask(client, "GET", "/apps/blog"), ask(client, "GET", "/apps/zzzz")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json() == json.loads(unknown.content.replace(b"zzzz", b"blog"))


def test_nothing_below_an_app_out_of_reach_is_there(ann, shop, blog):
    """Every address of an app that the document has, whoever wrote it."""
    client = with_token(ann, apps=[shop])
    paths = ask(client, "GET", "/openapi.json").json()["paths"]
    asked = [(method, path) for path, methods in paths.items() if "{app_name}" in path for method in methods]
    assert len(asked) > 20
    values = {"{app_name}": "blog", "{build_id}": "BAAAAAAAAAA", "{release_id}": "RAAAAAAAAAA"}
    for method, path in asked:
        for name, value in values.items():
            path = path.replace(name, value)
        for name in ("{number}", "{delivery_id}", "{service}", "{name}", "{host}", "{username}"):
            path = path.replace(name, "1")
        assert "{" not in path, "a new name in addresses: give it a value here"
        answer = client.generic(method.upper(), path, _body(path, method), content_type="application/json")
        assert answer.status_code == 404, (method, path, answer.content)
        assert "no app" in answer.json()["error"]["message"], (method, path)


def _body(path: str, method: str) -> str:
    """Well formed, as else that is said first."""
    bodies = {
        "/env PUT": {"variables": {}},
        "/env PATCH": {"set": {"A": "b"}},
        "/source PUT": {"url": "https://example.com/blog.git"},
        "/registry PUT": {"registry": ""},
        "/scale PUT": {"count": 1},
        "/lock PUT": {"reason": "why not"},
        "/domains POST": {"host": "www.example.com"},
        "/releases POST": {"build": "BAAAAAAAAAA"},
        "/run POST": {"service": "web", "command": "true"},
        "/1 PUT": {"role": "deployer"},  # of a member
    }
    body = bodies.get(f"/{path.rpartition('/')[2]} {method.upper()}", {})
    return json.dumps(body) if method not in ("get", "delete") else ""


def test_the_gate_itself_refuses_what_is_out_of_reach(ann, shop, blog):
    token, _ = Token.issue(ann, name="robot", apps=[shop])
    actor = policy.actor_with(token)
    assert not policy.refusals("promote", by=actor, app=shop)
    assert [reason.name for reason in policy.refusals("promote", by=actor, app=blog)] == ["reach"]


@pytest.mark.parametrize("action", ["create_app", "manage_people", "manage_clusters", "manage_registries"])
def test_a_token_for_some_apps_does_nothing_that_concerns_all(ann, shop, action):
    token, _ = Token.issue(ann, name="robot", apps=[shop])
    assert [reason.name for reason in policy.refusals(action, by=policy.actor_with(token))] == ["reach"]


def test_a_token_for_an_app_that_is_deleted_is_for_none(ann, shop, blog):
    client = with_token(ann, apps=[shop])
    shop.delete()
    assert ask(client, "GET", "/apps").json()["items"] == []
    assert ask(client, "GET", "/me").json()["apps"] == []
    factories.app("shop")
    assert ask(client, "GET", "/apps/shop").status_code == 404


# --- Made with a token, or in a session -----------------------------------------------------------------------------


def test_one_makes_a_token_with_a_token_and_never_more_than_that(ann, shop, blog):
    maker = with_token(ann, apps=[shop], lifetime=timedelta(days=30))
    made = ask(maker, "POST", "/tokens", {"name": "ci", "scopes": ["build"]})
    assert made.status_code == 201
    assert (made.json()["scopes"], made.json()["apps"]) == (["read", "build"], ["shop"])
    assert made.json()["expires"] is not None, "it ends with the one that made it"
    assert ask(maker, "POST", "/tokens", {"days": 31}).status_code == 403
    unknown = ask(maker, "POST", "/tokens", {"apps": ["blog"]})
    assert (unknown.status_code, unknown.json()["error"]["message"]) == (422, "There is no app blog.")
    client = Client(headers={"Authorization": f"Bearer {made.json()['token']}"})
    assert ask(client, "POST", "/tokens", {"name": "more"}).status_code == 403, "one that builds makes no tokens"
    entry = AuditEntry.objects.filter(action="create_token").latest("pk")
    assert (entry.by_label, entry.detail["scopes"]) == ("ann (token robot)", ["read", "build"])


def test_what_was_made_with_a_token_is_revoked_with_it(ann):
    def made_with(client: Client, name: str) -> dict:
        return ask(client, "POST", "/tokens", {"name": name}).json()

    def client_of(made: dict) -> Client:
        return Client(headers={"Authorization": f"Bearer {made['token']}"})

    stays = with_token(ann)
    stolen = made_with(stays, "stolen")
    copy = made_with(client_of(stolen), "copy")
    second = made_with(client_of(copy), "copy of the copy")
    assert (copy["made_with"], second["made_with"]) == (stolen["prefix"], copy["prefix"])
    assert ask(stays, "DELETE", f"/tokens/{stolen['prefix']}").status_code == 204
    assert [ask(client_of(each), "GET", "/me").status_code for each in (stolen, copy, second)] == [401] * 3
    assert [each["name"] for each in ask(stays, "GET", "/tokens").json()["items"]] == ["robot"]
    entries = AuditEntry.objects.filter(action="revoke_token").order_by("pk")
    assert [entry.detail["name"] for entry in entries] == ["stolen", "copy", "copy of the copy"]


def test_a_session_makes_one_with_the_csrf_token_only(ann):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    assert ask(client, "POST", "/tokens", {"name": "ci"}).status_code == 403
    client = Client()
    client.force_login(ann)
    made = ask(client, "POST", "/tokens", {"name": "ci"})
    assert (made.status_code, made.json()["scopes"], made.json()["apps"]) == (201, ["read", "admin"], None)


@pytest.mark.parametrize(
    "wish",
    [{"scopes": []}, {"scopes": ["root"]}, {"apps": []}, {"apps": ["nothing"]}, {"username": "ann"}, {"apps": ["a\0"]}],
)
def test_a_wish_that_can_not_be_is_refused(ann, wish):
    assert ask(with_token(ann), "POST", "/tokens", {"name": "ci", **wish}).status_code == 422


def test_nobody_makes_none():
    assert ask(Client(), "POST", "/tokens", {"name": "ci"}).status_code == 401
    wrong = Client(headers={"Authorization": "Bearer deployer_0_0"})
    assert ask(wrong, "POST", "/tokens", {"name": "ci"}).status_code == 401


# --- Seen and revoked -----------------------------------------------------------------------------------------------


def test_administrators_see_and_revoke_those_of_all(ann):
    token, secret = Token.issue(factories.person("deployer", "bob"), name="his")
    client = with_token(ann)
    assert [each["person"] for each in ask(client, "GET", "/tokens?all=true").json()["items"]] == ["ann", "bob"]
    assert [each["current"] for each in ask(client, "GET", "/tokens").json()["items"]] == [True]
    his = Client(headers={"Authorization": f"Bearer {secret}"})
    assert ask(his, "GET", "/tokens?all=true").status_code == 403
    assert ask(client, "DELETE", f"/tokens/{token.prefix}").status_code == 204
    assert ask(his, "GET", "/apps").status_code == 401


def test_a_token_that_reads_revokes_itself_and_no_other(ann):
    other, _ = Token.issue(ann, name="other")
    mine, secret = Token.issue(ann, name="mine", scopes=["read"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert ask(client, "DELETE", f"/tokens/{other.prefix}").status_code == 403
    assert ask(client, "DELETE", f"/tokens/{mine.prefix}").status_code == 204
    assert ask(client, "GET", "/apps").status_code == 401


def test_the_names_of_other_apps_are_not_learned_from_tokens(ann, shop, blog):
    Token.issue(ann, name="everything")
    Token.issue(ann, name="both", apps=[shop, blog])
    Token.issue(ann, name="same", apps=[shop])
    client = with_token(ann, apps=[shop])
    assert [each["name"] for each in ask(client, "GET", "/tokens").json()["items"]] == ["robot", "same"]


def test_me_says_who_and_what(ann, shop):
    me = ask(with_token(ann, scopes=["build"], apps=[shop]), "GET", "/me").json()
    assert (me["username"], me["role"], me["acting_as"]) == ("ann", "administrator", "ann (token robot)")
    assert (me["scopes"], me["apps"], me["token"]["name"]) == (["read", "build"], ["shop"], "robot")
    client = Client()
    client.force_login(ann)
    me = ask(client, "GET", "/me").json()
    assert (me["scopes"], me["apps"], me["token"]) == (Token.SCOPES, None, None)
