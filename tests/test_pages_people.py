"""One's own account, and people for administrators."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pages_world import make_world

from releases.models import AuditEntry, Person, Token

pytestmark = pytest.mark.django_db
PASSWORD, BETTER = "a long walk in the rain", "a longer walk in the sun"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def world():
    return make_world()


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def text(response):
    return unescape(response.content.decode())


def once(response):
    """What is shown this once."""
    assert response.status_code == 200 and "no-store" in response.headers["Cache-Control"]
    return re.search(r'id="once"[^>]*value="([^"]+)"', response.content.decode()).group(1)


# --- The account ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "deployer", "administrator"])
def test_the_account_says_who_one_is_and_what_one_may(world, role):
    page = text(signed_in(world.people[role]).get("/account"))
    assert f"<h1>a-{role}</h1>" in page and "What you may" in page
    words = {"viewer": "look at everything but", "deployer": "roll back", "administrator": "manage people"}
    assert words[role] in page


def test_a_first_password_is_set_and_then_changed_and_sessions_elsewhere_end(world):
    person = world.people["viewer"]
    here, elsewhere = signed_in(person), signed_in(person)
    assert "Your present password" not in text(here.get("/account"))
    assert here.post("/account/password", {"wanted": PASSWORD, "again": PASSWORD}).url == "/account"
    assert "Your password is set" in text(here.get("/account"))
    assert elsewhere.get("/account").status_code == 302
    elsewhere.post("/sign-in", {"username": "a-viewer", "password": PASSWORD})
    assert elsewhere.get("/account").status_code == 200
    for given, words in (
        ({"wanted": BETTER, "again": BETTER}, "This field is required"),
        ({"current": "wrong", "wanted": BETTER, "again": BETTER}, "not your present password"),
        ({"current": PASSWORD, "wanted": BETTER, "again": "other"}, "not the same"),
        ({"current": PASSWORD, "wanted": "12345", "again": "12345"}, "too short"),
        ({"current": PASSWORD, "wanted": "a\x00b", "again": "a\x00b"}, "Null characters"),
    ):
        response = here.post("/account/password", given)
        assert response.status_code == 422 and words in text(response), given
        assert PASSWORD not in text(response) and BETTER not in text(response)
    assert here.post("/account/password", {"current": PASSWORD, "wanted": BETTER, "again": BETTER}).url == "/account"
    assert here.get("/account").status_code == 200 and elsewhere.get("/account").status_code == 302
    assert AuditEntry.objects.filter(action="set_password", subject="a-viewer").count() == 2


def test_signing_out_everywhere_else_leaves_this_session_and_tokens(world):
    person = world.people["deployer"]
    here, elsewhere = signed_in(person), signed_in(person)
    _, secret = Token.issue(person, name="ci")
    assert here.post("/account/sign-out-elsewhere").url == "/account"
    assert here.get("/account").status_code == 200 and elsewhere.get("/account").status_code == 302
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/me").status_code == 200
    again = signed_in(Person.objects.get(pk=person.pk))
    assert again.get("/account").status_code == 200, "who signs in anew is in"
    assert here.post("/account/sign-out-elsewhere").url == "/account"
    assert again.get("/account").status_code == 302


def test_a_token_is_made_shown_once_and_revoked(world):
    client = signed_in(world.people["deployer"])
    assert "None yet" in text(client.get("/account"))
    wish = {"name": "ci", "scopes": ["build", "promote"], "apps": "hello", "days": "30"}
    secret = once(client.post("/account/tokens", wish))
    page = text(client.get("/account"))
    token = Token.objects.get()
    assert secret not in page and token.prefix in page and "read, build, promote" in page and "hello" in page
    me = Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/me").json()
    assert me["apps"] == ["hello"] and me["scopes"] == ["read", "build", "promote"]
    assert client.get(f"/account/tokens/{token.prefix}/revoke").status_code == 405
    assert client.post(f"/account/tokens/{token.prefix}/revoke").url == "/account"
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/me").status_code == 401
    assert AuditEntry.objects.filter(action="revoke_token", subject=token.prefix).exists()


def test_what_is_no_token_is_refused_beside_the_field(world):
    client = signed_in(world.people["viewer"])
    whole = {"name": "ci", "scopes": ["read"], "apps": "", "days": ""}
    for change, words in (
        ({"name": ""}, "required"),
        ({"scopes": ["king"]}, "king"),
        ({"apps": "nowhere"}, "There is no app nowhere"),
        ({"days": "7000"}, "7000"),
        ({"name": "a\x00"}, "Null characters"),
    ):
        response = client.post("/account/tokens", whole | change)
        assert response.status_code == 422 and words in text(response), change
    assert not Token.objects.exists()
    mine, _ = Token.issue(world.people["deployer"], name="theirs")
    assert client.post(f"/account/tokens/{mine.prefix}/revoke").status_code == 404
    assert client.post("/account/tokens/%00/revoke").status_code == 404


def test_the_account_asks_as_often_for_many_tokens(world):
    client = signed_in(world.people["deployer"])
    Token.issue(world.people["deployer"], name="one", apps=[world.app])
    few = queries(client, "/account")
    for number in range(9):
        Token.issue(world.people["deployer"], name=f"t{number}", apps=[world.app])
    assert queries(client, "/account") == few


def queries(client, path):
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


# --- People ---------------------------------------------------------------------------------------------------------


def test_somebody_is_invited_by_a_link_that_works_once(world):
    client = signed_in(world.people["administrator"])
    wish = {"username": "zoe", "email": "zoe@example.com", "role": "deployer"}
    link = once(client.post("/people", wish))
    guest = Client()
    path = link.removeprefix("http://127.0.0.1:8000")
    assert guest.get(path).status_code == 200 and guest.post(path).url == "/"
    assert guest.get("/api/me").json()["role"] == "deployer"
    assert Client().post(path).status_code == 410
    zoe = Person.objects.get(username="zoe")
    assert zoe.email == "zoe@example.com" and link not in text(client.get(f"/people/{zoe.pk}"))
    response = client.post("/people", wish)
    assert response.status_code == 409 and "There is a person named zoe already" in text(response)
    assert 'value="zoe@example.com"' in text(response)
    assert client.post("/people", wish | {"username": "a b"}).status_code == 422
    assert client.post("/people", {}).status_code == 422


def test_a_role_is_changed_and_somebody_shut_out_and_let_in(world):
    client, bob = signed_in(world.people["administrator"]), world.people["deployer"]
    theirs, page = signed_in(bob), f"/people/{bob.pk}"
    assert client.post(page, {"role": "viewer", "email": "bob@example.com"}).url == page
    assert theirs.get("/api/me").json()["role"] == "viewer"
    assert client.post(page, {"role": "king"}).status_code == 422
    assert client.post(f"{page}/shut-out").url == page
    assert theirs.get("/api/me").status_code == 401 and "shut out" in text(client.get("/people"))
    response = client.post(f"{page}/link")
    assert response.status_code == 409 and "let them in first" in text(response)
    assert client.post(f"{page}/let-in").url == page and theirs.get("/api/me").status_code == 200
    assert once(client.post(f"{page}/link")).startswith("http")


def test_the_last_administrator_is_kept_and_the_page_says_why(world):
    client, root = signed_in(world.people["administrator"]), world.people["administrator"]
    page, words = f"/people/{root.pk}", "a-administrator is the last administrator: make somebody else one first."
    shown = client.get(page)
    assert words in text(shown) and re.search(r'class="danger" disabled', shown.content.decode())
    assert client.post(f"{page}/shut-out").status_code == 409
    response = client.post(page, {"role": "viewer", "email": ""})
    assert response.status_code == 409 and words in text(response)
    root.refresh_from_db()
    assert root.role == "administrator" and root.is_active


def test_others_see_why_not_and_no_names(world):
    bob = world.people["deployer"]
    for role in ("viewer", "deployer"):
        client = signed_in(world.people[role])
        response = client.get("/people")
        assert response.status_code == 403 and "Manage people needs the role administrator." in text(response)
        assert "a-administrator" not in text(response)
        for path in ("", "/shut-out", "/let-in", "/link", "/unlock", "/tokens/abc/revoke"):
            assert client.post(f"/people/{bob.pk}{path}", {"role": "viewer"}).status_code == 403, path
            assert client.post(f"/people/4711{path}").status_code == 403, "nor whether there is somebody"
        assert client.get(f"/people/{bob.pk}").status_code == 403
        assert client.post("/people", {"username": "eve", "role": "administrator"}).status_code == 403
    assert not Person.objects.filter(username="eve").exists()


def test_people_are_found_and_paged_by_name(world):
    client = signed_in(world.people["administrator"])
    Person.objects.bulk_create(Person(username=f"p-{n:03}", email=f"{n}@x.example", role="viewer") for n in range(120))
    page = text(client.get("/people"))
    assert "a-viewer" in page and "p-046" in page and "p-047" not in page and "?after=p-046" in page
    page = text(client.get("/people?after=p-046"))
    assert "p-047" in page and "p-046<" not in page
    assert "p-099" in text(client.get("/people?q=99@X.example")) and "p-098" not in text(client.get("/people?q=99@x"))
    assert "Nobody has “zz”" in text(client.get("/people?q=zz"))
    for query in ("q=%00", "q=%ED%A0%80", "after=%00&q=%FF", "q=" + "a" * 5000, "after=" + "z" * 5000):
        assert client.get(f"/people?{query}").status_code == 200, query
    for number in (0, 10**40, 4711):
        assert client.get(f"/people/{number}").status_code == 404
        assert client.post(f"/people/{number}/link").status_code == 404


def test_the_list_asks_as_often_for_many_people(world):
    client = signed_in(world.people["administrator"])
    few = queries(client, "/people")
    for number in range(20):
        Token.issue(Person.objects.create_person(f"p-{number}", role="viewer"), name="t")
    assert queries(client, "/people") == few


def test_an_administrator_revokes_a_token_of_somebody(world):
    client, bob = signed_in(world.people["administrator"]), world.people["deployer"]
    token, secret = Token.issue(bob, name="lost laptop")
    page = f"/people/{bob.pk}"
    assert "lost laptop" in text(client.get(page))
    assert client.post(f"/people/{world.people['viewer'].pk}/tokens/{token.prefix}/revoke").status_code == 404
    assert client.post(f"{page}/tokens/{token.prefix}/revoke").url == page
    assert Token.find(secret) is None
