"""Signing in with GitHub in a real browser. The way there leads through a page of ours: our policy lets no form lead
elsewhere, and what a test's client does about that says nothing."""

import pytest

from tests import identity_stand_in
from tests.browsing import a_tab, without_complaint
from tests.identity_stand_in import CLIENT, SECRET
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


@pytest.fixture
def github():
    with identity_stand_in.running() as stand_in:
        stand_in.who = {"id": 4711, "login": "ada", "email": None}
        stand_in.emails = [{"email": "ada@example.com", "primary": True, "verified": True}]
        stand_in.claims = {"sub": "subject-1", "preferred_username": "ada.l", "email": "x@example.com"}
        yield stand_in
        assert stand_in.faults == []


@pytest.fixture
def server(github, tmp_path):
    server = WebServer(
        tmp_path,
        SIGN_IN_GITHUB_ID=CLIENT,
        SIGN_IN_GITHUB_SECRET=SECRET,
        SIGN_IN_GITHUB_URL=github.url,
        SIGN_IN_OIDC_ID=CLIENT,
        SIGN_IN_OIDC_SECRET=SECRET,
        SIGN_IN_OIDC_URL=github.url,
        SIGN_IN_OIDC_NAME="Acme",
    )
    try:
        server.start()
        server.behind("Person.objects.create_person('ada', role='viewer', email='ada@example.com')")
        yield server
    finally:
        server.close()


@pytest.fixture
def page(browser, server):
    page = a_tab(browser)
    with without_complaint(page):
        yield page


def test_one_signs_in_with_github_connects_another_and_makes_a_token(server, page):
    page.goto(f"{server.url}/account")
    page.get_by_role("button", name="Sign in with GitHub").click()
    page.get_by_role("heading", name="ada", exact=True).wait_for()
    assert page.url == f"{server.url}/account"
    page.get_by_role("button", name="Connect Acme").click()
    page.get_by_text("connected as ada.l").wait_for()
    page.get_by_label("Name", exact=True).fill("laptop")
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("The new token").input_value()
    assert secret.startswith("deployer_") and page.get_by_role("button", name="Copy").is_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Sign in with Acme").click()
    page.get_by_role("heading", name="Apps", exact=True).wait_for()
