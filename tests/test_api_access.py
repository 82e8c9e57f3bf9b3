"""Who gets in: tokens, sessions, passwords, roles."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from releases.models import App, AuditEntry, Person, Token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cluster_row")]
PASSWORD = "a long walk in the rain"


@pytest.fixture
def ann() -> Person:
    return Person.objects.create_person("ann", role=Person.ADMINISTRATOR, password=PASSWORD)


def bearer(person: Person) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(person, name='laptop')[1]}"})


def sign_in(client: Client, **credentials: object):
    return client.post("/api/tokens", json.dumps(credentials), content_type="application/json")


def test_nobody_gets_401_in_our_form() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/apps", "{}", content_type="application/json")
    assert answer.status_code == 401
    answer = Client().get("/api/apps")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_name_and_password_give_a_token_that_works(ann: Person) -> None:
    made = sign_in(Client(), username="ann", password=PASSWORD, name="laptop")
    assert made.status_code == 201
    client = Client(headers={"Authorization": f"Bearer {made.json()['token']}"})
    assert client.get("/api/server").json()["acting_as"] == "ann (token laptop)"
    assert client.post("/api/apps", '{"name": "shop"}', content_type="application/json").status_code == 201
    assert AuditEntry.objects.get(action="create_app").by_label == "ann (token laptop)"
    listed = client.get("/api/tokens").json()["items"]
    assert [token["name"] for token in listed] == ["laptop"]
    assert "token" not in listed[0]


def test_guessing_passwords_is_stopped(ann: Person) -> None:
    answers = [sign_in(Client(), username="ann", password="wrong guess") for _ in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    assert int(answers[-1]["Retry-After"]) > 0
    assert sign_in(Client(), username="ann", password=PASSWORD).status_code == 429


def test_a_wrong_password_and_an_unknown_name_look_alike(ann: Person) -> None:
    wrong, unknown = (
        sign_in(Client(), username="ann", password="no"),
        sign_in(Client(), username="bob", password="no"),
    )
    assert wrong.json() == unknown.json()


@pytest.mark.parametrize("broken", ["revoked", "expired", "inactive", "altered"])
def test_a_token_that_is_no_longer_good(ann: Person, broken: str) -> None:
    token, secret = Token.issue(ann, name="old")
    good = Client(headers={"Authorization": f"Bearer {secret}"})
    assert good.get("/api/apps").status_code == 200
    if broken == "revoked":
        assert good.delete(f"/api/tokens/{token.prefix}").status_code == 204
    elif broken == "expired":
        Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif broken == "inactive":
        Person.objects.update(is_active=False)
    else:
        good = Client(headers={"Authorization": f"Bearer {secret[:-1]}{'A' if secret[-1] != 'A' else 'B'}"})
    assert good.get("/api/apps").status_code == 401


def test_a_wrong_token_does_not_fall_back_to_the_session(ann: Person) -> None:
    client = Client(headers={"Authorization": "Bearer nonsense"})
    client.force_login(ann)
    assert client.get("/api/apps").status_code == 401


def test_tokens_of_others_are_not_there(ann: Person) -> None:
    bob = Person.objects.create_person("bob", role=Person.DEPLOYER)
    token, _ = Token.issue(ann, name="hers")
    client = bearer(bob)
    assert [each["name"] for each in client.get("/api/tokens").json()["items"]] == ["laptop"]
    assert client.delete(f"/api/tokens/{token.prefix}").status_code == 404
    assert Token.objects.get(pk=token.pk).is_valid


def test_a_session_needs_the_csrf_token_to_change_something(ann: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    assert client.get("/api/apps").status_code == 200
    refused = client.post("/api/apps", '{"name": "shop"}', content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf")
    assert not App.objects.exists()


def test_a_viewer_looks_and_changes_nothing() -> None:
    client = bearer(Person.objects.create_person("vic", role=Person.VIEWER))
    assert client.get("/api/apps").status_code == 200
    refused = client.post("/api/apps", '{"name": "shop"}', content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "code": "not_allowed",
        "message": "Create app needs the role deployer.",
        "reasons": ["Create app needs the role deployer."],
    }
