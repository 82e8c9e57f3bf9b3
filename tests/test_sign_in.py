"""Signing in by GitHub and OpenID Connect, over HTTP with a stand-in of theirs; and the lock after wrong passwords."""

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from axes.models import AccessAttempt
from django.test import Client
from django.urls import get_resolver

from deployer import sign_in
from deployer.reader import Reader
from releases.models import AuditEntry, Person
from tests import identity_stand_in
from tests.identity_stand_in import CLIENT, SECRET

pytestmark = pytest.mark.django_db
PASSWORD = "a long walk in the rain"
# The ways in, each with the path that comes back.
WAYS = ["github", "oidc"]


@pytest.fixture(scope="module")
def server():
    with identity_stand_in.running() as stand_in:
        yield stand_in


@pytest.fixture
def there(server, settings, monkeypatch):
    """Who signs in over there is Ada, unless a test says otherwise."""
    environment = {
        "SIGN_IN_GITHUB_ID": CLIENT,
        "SIGN_IN_GITHUB_SECRET": SECRET,
        "SIGN_IN_GITHUB_URL": server.url,
        "SIGN_IN_OIDC_URL": server.url,
        "SIGN_IN_OIDC_ID": CLIENT,
        "SIGN_IN_OIDC_SECRET": SECRET,
        "SIGN_IN_OIDC_NAME": "Acme",
    }
    reader = Reader(environment)
    settings.SIGN_IN_PROVIDERS, settings.SOCIALACCOUNT_PROVIDERS = sign_in.providers(reader)
    assert not reader.faults
    # allauth reads where GitHub is when it is imported, once for all tests.
    for name, path in (
        ("access_token_url", "/login/oauth/access_token"),
        ("authorize_url", "/login/oauth/authorize"),
        ("profile_url", "/api/v3/user"),
        ("emails_url", "/api/v3/user/emails"),
    ):
        monkeypatch.setattr(GitHubOAuth2Adapter, name, server.url + path)
    server.cancels, server.odd, server.faults = False, {}, []
    is_ada(server, "ada@example.com")
    yield server
    assert server.faults == []


def is_ada(server, email, *, verified=True, subject="subject-1", name="ada"):
    server.who = {"id": 4711 if subject == "subject-1" else 4712, "login": name, "email": None}
    server.emails = [{"email": email, "primary": True, "verified": verified is True, "visibility": None}]
    server.claims = {"sub": subject, "preferred_username": name, "email": email, "email_verified": verified}


def person(role, name, email=""):
    return Person.objects.create_person(name, role=role, email=email)


def text(response):
    return unescape(response.content.decode())


def sign_in_by(client, way, **given):
    """Press the button, go there, come back: the last answer."""
    return come_back(client, client.post(f"/sign-in/with/{way}", given))


def come_back(client, leaving):
    address = unescape(re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', leaving.content.decode()).group(1))
    back = urlsplit(httpx.get(address, timeout=60).headers["Location"])
    assert back.netloc == "testserver"
    return client.get(f"{back.path}?{back.query}")


def who(client):
    return client.get("/api/me").json().get("username")


@pytest.fixture
def ada():
    return person("deployer", "ada-l", email="Ada@Example.com")


@pytest.mark.parametrize("way", WAYS)
def test_who_an_administrator_has_made_known_comes_in_by_their_address(client, there, ada, way):
    page = text(client.get("/sign-in?next=/account"))
    assert "Sign in with GitHub" in page and "Sign in with Acme" in page
    client.get("/sign-in")
    client.session["before"] = "the key must change"
    before = client.session.session_key
    response = sign_in_by(client, way, next="/account")
    assert (response.status_code, response.url) == (302, "/account")
    assert who(client) == "ada-l" and client.session.session_key != before
    entry = AuditEntry.objects.get(action="sign_in")
    assert (entry.subject, entry.detail["how"]) == ("ada-l", {"github": "GitHub", "oidc": "Acme"}[way])
    assert AuditEntry.objects.get(action="connect_sign_in").subject == "ada-l"
    assert SocialAccount.objects.get().extra_data == {"name": "ada"}

    is_ada(there, "ada@new.example")  # from now on they are known by their account, whatever its address
    again = Client()
    assert sign_in_by(again, way).url == "/" and who(again) == "ada-l"


@pytest.mark.parametrize("way", WAYS)
def test_nobody_else_comes_in_and_nobody_is_made(client, there, ada, way):
    for email, verified in (("eve@example.com", True), ("ada@example.com", False), ("ada@example.com", "false")):
        is_ada(there, email, verified=verified, name="eve")
        response = sign_in_by(client, way)
        assert response.status_code == 403 and "that is not enough" in text(response), (email, verified)
        assert who(client) is None
    is_ada(there, "eve@example.com")
    assert "Nobody here has the e-mail address eve@example.com" in text(sign_in_by(client, way))
    assert Person.objects.count() == 1 and not SocialAccount.objects.exists()


def test_an_address_that_passed_to_somebody_else_over_there_opens_nothing(client, there, ada):
    assert sign_in_by(client, "oidc").status_code == sign_in_by(client, "github").status_code == 302
    is_ada(there, "ada@example.com", subject="subject-2", name="another ada")
    response = sign_in_by(Client(), "github")
    assert response.status_code == 403 and "connected to another account of GitHub" in text(response)


def test_an_address_that_two_have_is_nobodys(client, there, ada):
    person("viewer", "ada-2", email="ada@example.com")
    response = sign_in_by(client, "github")
    assert response.status_code == 403 and "Several people here" in text(response) and who(client) is None


@pytest.mark.parametrize("way", WAYS)
def test_people_of_a_domain_get_an_account_with_the_role_of_the_settings(client, there, settings, way):
    settings.SIGN_IN_DOMAINS = ["example.com"]
    person("viewer", "ada")
    assert sign_in_by(client, way).status_code == 302 and who(client) == "ada-2"
    made = Person.objects.get(username="ada-2")
    assert (made.role, made.email, made.has_usable_password()) == ("viewer", "ada@example.com", False)
    assert AuditEntry.objects.get(action="create_person").detail["role"] == "viewer"
    is_ada(there, "ada@evil-example.com", subject="subject-1")
    assert sign_in_by(client, way).status_code == 302, "known by now"
    is_ada(there, "eve@sub.example.com", name="system")
    SocialAccount.objects.all().delete()
    assert sign_in_by(Client(), way).status_code == 403
    is_ada(there, "eve@example.com", name="system")
    guest = Client()
    assert sign_in_by(guest, way).status_code == 302 and who(guest) == "system-2"


def test_who_is_shut_out_stays_out(client, there, ada):
    sign_in_by(client, "github")
    Person.objects.update(is_active=False)
    assert who(client) is None
    for way in WAYS:
        response = sign_in_by(Client(), way)
        assert response.status_code == 403 and "ada-l is shut out" in text(response)


@pytest.mark.parametrize("way", WAYS)
def test_a_cancel_a_forged_and_a_repeated_answer_sign_nobody_in(client, there, ada, way):
    there.cancels = True
    response = sign_in_by(client, way)
    assert response.status_code == 403 and "Cancelled" in text(response)
    there.cancels = False
    for query in ("", "?code=x&state=forged", "?state=%00", "?error=boom", "?code=%FF&state=%FF"):
        response = client.get(f"/sign-in/{way}/callback{query}")
        assert response.status_code == 400 and "begun here" in text(response), query
    leaving = client.post(f"/sign-in/with/{way}")
    stranger = Client()
    address = unescape(re.search(r"url=([^\"]+)", leaving.content.decode()).group(1))
    back = urlsplit(httpx.get(address, timeout=60).headers["Location"])
    assert stranger.get(f"{back.path}?{back.query}").status_code == 400, "another browser did not begin it"
    assert client.get(f"{back.path}?{back.query}").status_code == 302
    assert client.get(f"{back.path}?{back.query}").status_code == 400, "once"
    assert who(stranger) is None


def test_a_provider_that_is_away_or_odd_is_told_in_words(client, there, settings, ada):
    for path, odd, status in (
        ("/.well-known/openid-configuration", {}, 400),
        ("/.well-known/openid-configuration", b"<html>", 502),
        ("/.well-known/openid-configuration", {"authorization_endpoint": "javascript:alert(1)"}, 400),
    ):
        there.odd = {path: odd}
        assert client.post("/sign-in/with/oidc").status_code == status, odd
    for odd in ([], {}, {"sub": "somebody-else", "email": "ada@example.com", "email_verified": True}, b"no JSON"):
        there.odd = {"/userinfo": odd}
        assert sign_in_by(client, "oidc").status_code in (400, 403, 502), odd
    for odd in ([], {}, {"id": None}, {"id": "a\x00b", "login": "ada"}):
        there.odd = {"/api/v3/user": odd}
        assert sign_in_by(client, "github").status_code in (400, 403), odd
    assert who(client) is None
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:1"
    response = client.post("/sign-in/with/oidc")
    assert response.status_code == 502 and "Acme does not answer" in text(response)


def test_a_button_is_a_post_and_leads_to_pages_of_ours_only(there, ada):
    client = Client(enforce_csrf_checks=True)
    assert client.get("/sign-in/with/github").status_code == 405
    assert client.post("/sign-in/with/github").status_code == 403
    for address in ("https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", "\x00"):
        assert sign_in_by(Client(), "github", next=address).url == "/"
    for way in ("gitlab", "openid_connect", "%00"):
        assert Client().post(f"/sign-in/with/{way}").status_code == 404


def test_one_connects_and_disconnects_on_the_account_page(client, there):
    bob = person("viewer", "bob")
    client.force_login(bob)
    assert "Connect Acme" in text(client.get("/account"))
    assert come_back(client, client.post("/account/connect/oidc")).url == "/account"
    page = text(client.get("/account"))
    assert "From now on you may sign in with Acme" in page and "connected as ada" in page
    guest = Client()
    assert sign_in_by(guest, "oidc").status_code == 302 and who(guest) == "bob"

    other = Client()
    other.force_login(person("viewer", "eve"))
    response = come_back(other, other.post("/account/connect/oidc"))
    assert response.status_code == 409 and "connected to somebody else" in text(response) and who(other) == "eve"

    Person.objects.filter(pk=bob.pk).update(password="!")
    client.force_login(Person.objects.get(pk=bob.pk))
    response = client.post("/account/disconnect/oidc")
    assert response.status_code == 409 and "Set a password first" in text(response)
    come_back(client, client.post("/account/connect/github"))
    assert client.post("/account/disconnect/oidc").url == "/account"
    assert client.post("/account/disconnect/oidc").status_code == 422
    done = AuditEntry.objects.filter(subject="bob").exclude(action="sign_in").order_by("id")
    assert [(each.action, each.detail["where"]) for each in done] == [
        ("connect_sign_in", "Acme"),
        ("connect_sign_in", "GitHub"),
        ("disconnect_sign_in", "Acme"),
    ]


def test_no_page_of_allauth_is_there(client, there):
    for path in ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/accounts/github/login/"):
        assert client.get(path).status_code == 404
    client.force_login(person("administrator", "root"))
    assert client.get("/admin/socialaccount/socialapp/").status_code == 404
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert {name for name in names if name.startswith(("account_", "socialaccount_", "github_", "openid_"))} == {
        "github_callback",
        "openid_connect_callback",
    }


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"SIGN_IN_GITHUB_ID": "x"}, "SIGN_IN_GITHUB_SECRET is missing"),
        ({"SIGN_IN_OIDC_URL": "http://login.example.com"}, "is not an address that begins with https://"),
        ({"SIGN_IN_OIDC_ID": "a", "SIGN_IN_OIDC_SECRET": "b"}, "SIGN_IN_OIDC_URL is missing"),
        ({"SIGN_IN_DOMAINS": "example"}, "has what is no domain"),
        ({"SIGN_IN_ROLE": "administrator"}, "is not viewer or deployer"),
    ],
)
def test_half_a_configuration_is_told_at_the_start(given, fault):
    reader = Reader(given)
    assert sign_in.providers(reader) == ({}, {})
    sign_in.guests(reader)
    assert fault in reader.faults[0]


# --- The lock after wrong passwords -------------------------------------------------------------------------------


@pytest.fixture
def bob(settings):
    settings.AXES_FAILURE_LIMIT = 3
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return Person.objects.create_person("bob", role="viewer", password=PASSWORD)


def wrongly(client, times=3, **given):
    for _ in range(times):
        response = client.post("/sign-in", {"username": "bob", "password": "wrong"}, **given)
    return response


def test_too_many_wrong_passwords_lock_name_and_address_and_say_for_how_long(client, bob):
    right = {"username": "bob", "password": PASSWORD}
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False) as clock:
        response = wrongly(client)
        assert response.status_code == 429 and "Try again in 15 minutes" in text(response)
        assert response.headers["Retry-After"] == "900"
        clock.shift(600)
        response = client.post("/sign-in", right)
        assert response.status_code == 429 and "Try again in 5 minutes" in text(response), "trying makes it no longer"
        assert Client(REMOTE_ADDR="10.1.2.3").post("/sign-in", right).status_code == 302
        clock.shift(301)
        assert client.post("/sign-in", right).status_code == 302


def test_the_lock_holds_for_tokens_too_and_not_for_a_link(client, bob):
    wrongly(client)
    wish = {"username": "bob", "password": PASSWORD}
    answer = client.post("/api/tokens", wish, content_type="application/json")
    assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= 900
    assert client.post(urlsplit(bob.sign_in_link()).path).status_code == 302 and who(client) == "bob"
    assert [entry.detail["how"] for entry in AuditEntry.objects.filter(action="sign_in")] == ["link"]


def test_an_administrator_unlocks(client, bob):
    wrongly(client)
    root = Client()
    root.force_login(person("administrator", "root"))
    page = text(root.get(f"/people/{bob.pk}"))
    assert "locked until" in page and "locked until" in text(root.get("/people"))
    assert root.get("/api/people/bob").json()["locked_until"]
    assert root.post(f"/people/{bob.pk}/unlock").status_code == 302
    assert "locked until" not in text(root.get(f"/people/{bob.pk}"))
    assert client.post("/sign-in", {"username": "bob", "password": PASSWORD}).status_code == 302
    wrongly(Client())
    assert root.post("/api/people/bob/unlock").status_code == 204
    assert AuditEntry.objects.filter(action="unlock_person", subject="bob").count() == 2


def test_the_present_password_can_not_be_guessed_on_the_account_page_either(client, bob):
    client.force_login(bob)
    change = {"current": "a wrong one", "wanted": "another long walk", "again": "another long walk"}
    answers = [client.post("/account/password", change) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert client.post("/account/password", change | {"current": PASSWORD}).status_code == 429
    kept = "".join(AccessAttempt.objects.values_list("post_data", flat=True))
    assert kept and "walk" not in kept and "a wrong one" not in kept
