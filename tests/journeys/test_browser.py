"""What a person does: sign in, create, promote, roll back, edit variables, connect. In a real Chromium."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import github_payloads
from tests.browsing import expect, without_complaint
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.browsing import is_promoted, shoot, sign_in_by, stay, stayed
from tests.journeys.house import House

pytestmark = pytest.mark.browser


def test_one_signs_in_by_a_link_and_from_then_on_by_a_password(page: Any, house: House) -> None:
    """With a browser that knows nobody yet."""
    made = house.api.post("/people", json={"username": "ada", "role": "deployer"})
    assert made.status_code == 201, made.text
    link = house.api.post("/people/ada/link").json()["url"]
    password = "four ducks on a pond"
    context = page.context.browser.new_context()
    with without_complaint(context.new_page()) as tab:
        tab.goto(f"{house.url}/account")
        expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
        sign_in_by(tab, link, "ada")

        tab.get_by_role("link", name="ada · deployer").click()
        tab.get_by_label("New password").fill(password)
        tab.get_by_label("The new one again").fill(password)
        tab.get_by_role("button", name="Set it").click()
        expect(tab.get_by_label("Your present password")).to_be_visible()
        tab.get_by_role("button", name="Sign out", exact=True).click()

        for tried in ("four drakes on a pond", password):
            tab.get_by_label("Name").fill("ada")
            tab.get_by_label("Password").fill(tried)
            tab.get_by_role("button", name="Sign in", exact=True).click()
            if tried != password:
                expect(tab.get_by_role("alert")).to_contain_text("password")
                shoot(tab, "sign-in-wrong")
        expect(tab.get_by_role("heading", name="Apps", exact=True)).to_be_visible()
    context.close()


def test_from_a_new_app_to_its_first_active_release(quiet: Any, house: House, tmp_path: Path) -> None:
    page = quiet
    page.goto(f"{house.url}/apps/new")
    page.get_by_label("Name").fill("window")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"{house.url}/apps/window")
    app = App(house, "window")
    stay(page)

    release = app.built(sources.serving(tmp_path, "v1"))
    promote = page.get_by_role("button", name=f"Promote {release}")
    promote.wait_for()
    assert stayed(page), "the new release did not come by itself"
    page.get_by_label("Note").fill("the very first one")
    shoot(page, "app-with-a-release")
    promote.click()
    page.wait_for_url(f"{house.url}/apps/window/rollouts/1")
    expect(page.locator("#rollout-head")).to_contain_text("“the very first one”")
    is_promoted(page)
    expect(page.locator(".outcome")).to_contain_text(f"{release} is active")
    app.answers("version v1")

    page.get_by_role("link", name="window").first.click()
    expect(page.locator("#app-head .pill")).to_contain_text("Running")
    expect(page.locator("#app-head")).to_contain_text(f"Active: {release}")
    shoot(page, "app")
    page.get_by_role("link", name="Apps", exact=True).click()
    expect(page.locator("#row-window")).to_contain_text("2/2 ready")
    shoot(page, "apps")


def test_one_promotes_without_a_mouse(quiet: Any, house: House, shop: App, tmp_path: Path) -> None:
    page = quiet
    release = shop.built(sources.serving(tmp_path, "typed"))
    page.goto(f"{house.url}/clusters")
    page.keyboard.press("Control+k")
    page.keyboard.type(shop.name)
    expect(page.get_by_role("option", selected=True)).to_contain_text(shop.name)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/apps/{shop.name}")

    page.keyboard.press("Control+k")
    page.keyboard.type(f"promote {shop.name}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/apps/{shop.name}#app-next")
    walk_to(page, page.get_by_label("Note"))
    page.keyboard.type("by hand")
    walk_to(page, page.get_by_role("button", name=f"Promote {release}"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.url}/apps/{shop.name}/rollouts/*")
    expect(page.locator("#rollout-head")).to_contain_text("“by hand”")
    is_promoted(page)
    shop.answers("version typed")


def walk_to(page: Any, place: Any) -> None:
    """With the Tab key, in a few steps."""
    for _ in range(8):
        page.keyboard.press("Tab")
        if place.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{place} is more than 8 steps away")


def test_one_rolls_back_and_is_told_what_that_brings_back(quiet: Any, house: House, shop: App, tmp_path: Path) -> None:
    page = quiet
    good = shop.release
    answer = shop.answers("version")
    shop.deployed(sources.serving(tmp_path, "regretted"))
    page.goto(f"{house.url}/apps/{shop.name}")
    page.locator(f"#release-{good}").get_by_role("link", name=good).click()
    told = page.locator("section", has=page.get_by_role("heading", name="Roll back to it"))
    expect(told).to_contain_text("A copy of this release is made and promoted. It brings back:")
    expect(told).to_contain_text(shop.get(f"/releases/{good}")["build"])
    expect(told).to_contain_text("Database migrations are not reverted.")
    shoot(page, "release-to-roll-back-to")
    page.get_by_label("Why").fill("the new one is slow")
    page.get_by_role("button", name=f"Roll back to {good}").click()

    page.wait_for_url(f"{house.url}/apps/{shop.name}/rollouts/*")
    is_promoted(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Rolled back to {good}")
    shop.answers(answer)
    assert shop.release != good, "the older release itself was promoted, not a copy"


def test_one_edits_variables_and_promotes_them(quiet: Any, house: House, shop: App) -> None:
    page = quiet
    page.goto(f"{house.url}/apps/{shop.name}/env")
    page.get_by_label("Name of a variable").first.fill("COLOUR")
    page.get_by_label("Its value").first.fill("green")
    page.get_by_label("Name of a variable").nth(1).fill("GREETING")
    page.get_by_label("Its value").nth(1).fill("good morning")
    page.get_by_label("Why").fill("green is calmer")
    page.get_by_role("button", name="Save and promote").click()
    page.wait_for_url(f"{house.url}/apps/{shop.name}/rollouts/*")
    is_promoted(page)
    shop.answers("colour green")

    page.get_by_role("link", name=shop.name, exact=True).click()
    page.get_by_role("link", name="Environment").click()
    value = page.get_by_label("Value of COLOUR")
    expect(value).to_have_value("")
    page.get_by_role("button", name="Show values").click()
    expect(value).to_have_value("green")
    shoot(page, "environment")


def test_a_repository_is_connected_and_its_deliveries_come_by_themselves(quiet: Any, house: House, app: App) -> None:
    """With the keyboard alone from the replay on."""
    page = quiet
    page.goto(f"{house.url}/apps/{app.name}/source")
    page.get_by_label("Repository").fill("https://git.invalid/ada/engine.git")
    page.get_by_label("A push to the branch does").select_option("Nothing")
    page.get_by_role("button", name="Connect").click()
    secret = page.locator(".note.success code").inner_text()
    shoot(page, "source-connected")

    page.goto(f"{house.url}/apps/{app.name}/deliveries")
    page.get_by_text("No delivery yet").wait_for()
    stay(page)
    body, headers = github_payloads.delivery(secret, "push", github_payloads.push())
    sent = httpx.post(f"{house.url}/hooks/github/{app.name}", content=body, headers=headers, timeout=40)
    assert sent.status_code == 202, sent.text
    page.get_by_text("skipped: a push does nothing here").wait_for()
    assert stayed(page), "the delivery did not come by itself"
    page.get_by_role("button", name="Replay the push").focus()
    page.keyboard.press("Enter")
    page.get_by_text("replayed by admin").wait_for()

    page.goto(f"{house.url}/apps/{app.name}")
    page.locator("summary", has_text="Build another commit").focus()
    for key in ("Enter", "Tab", "v", "1", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(re.compile(f"{house.url}/apps/{app.name}/builds/B"))
    page.locator("#build-facts", has_text="git.invalid").wait_for()
    shoot(page, "build-from-git")
