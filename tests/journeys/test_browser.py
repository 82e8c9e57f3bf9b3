"""What a person sees: sign in, create, promote, watch, roll back. In a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import chromium, github_payloads
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until
from tests.web_server import ROOT

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

SHOTS = ROOT / "test-results"
WIDTHS = (1200, 390)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def page(house: House) -> Iterator[Any]:
    """A signed-in administrator's tab."""
    path = chromium.find()
    if not path:
        pytest.skip(chromium.why_not())
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(20_000)
        page.goto(house.manage("password", "--link"))
        page.get_by_role("button", name="Sign in as admin").click()
        page.wait_for_url(f"{house.url}/")
        yield page
        browser.close()


@pytest.fixture
def quiet(page: Any) -> Iterator[Any]:
    """The tab, on whose console no error may appear."""
    errors: list[str] = []

    def hear(message: Any) -> None:
        if message.type == "error":
            errors.append(message.text)

    def catch(error: Any) -> None:
        errors.append(str(error))

    page.on("console", hear)
    page.on("pageerror", catch)
    yield page
    page.remove_listener("console", hear)
    page.remove_listener("pageerror", catch)
    assert errors == []


def shoot(page: Any, name: str) -> None:
    """The page as it is, light and dark, wide and narrow. Nothing may stick out of a narrow one."""
    SHOTS.mkdir(exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=SHOTS / f"{name}-{scheme}-{width}.png")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} px wide in a window of {width} px"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1200, "height": 900})


def stay(page: Any) -> None:
    """Leaves a mark that a reload would wipe out."""
    page.evaluate("window.hereSince = 1")


def stayed(page: Any) -> bool:
    return page.evaluate("window.hereSince === 1")


def test_from_a_new_app_to_a_rollback(quiet: Any, house: House, tmp_path: Path) -> None:
    page = quiet
    page.goto(f"{house.url}/apps/new")
    page.get_by_label("Name").fill("window")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"{house.url}/apps/window")
    app = App(house, "window")
    stay(page)

    first = app.built(sources.serving(tmp_path / "v1", "v1", count=3))
    promote = page.get_by_role("button", name=f"Promote {first}")
    promote.wait_for()
    assert stayed(page), "the new release did not come by itself"
    shoot(page, "app-with-a-release")

    promote.click()
    page.wait_for_url(f"{house.url}/apps/window/rollouts/1")
    stay(page)
    page.locator("section.log li", has_text="Scaled up replica set").first.wait_for()
    page.locator(".procs i.p").first.wait_for()
    shoot(page, "rollout-under-way")
    page.locator("section.log li", has_text="is active on every process").wait_for()
    page.locator("#rollout-head .pill.ok").wait_for()
    page.get_by_text("3 / 3 ready").wait_for()
    assert page.locator(".procs i.p.ready").count() == 3 or page.locator(".procs i.p").count() == 3
    assert stayed(page), "the page was loaded anew"
    numbers = [int(text) for text in page.locator("section.log li .n").all_inner_texts()]
    assert numbers == list(range(1, len(app.log("/rollouts/1")) + 1))
    shoot(page, "rollout-succeeded")

    app.deployed(sources.serving(tmp_path / "v2", "v2", count=3))
    page.goto(f"{house.url}/apps/window")
    shoot(page, "app")
    page.locator(f"#row-{first}").click()
    page.wait_for_url(f"{house.url}/apps/window/rollouts/3")
    page.locator("#rollout-head .pill.ok").wait_for()
    app.answers("version v1")

    page.goto(house.url)
    page.get_by_role("link", name="window").first.wait_for()
    shoot(page, "apps")


def test_a_failed_rollout_says_why(quiet: Any, house: House, app: App, tmp_path: Path) -> None:
    page = quiet
    app.deployed(sources.serving(tmp_path / "v1", "v1"))
    source = sources.write(tmp_path / "bad", sources.manifest(), {"server.py": sources.CRASH})
    number = app.promote(app.built(source))
    page.goto(f"{house.url}/apps/{app.name}/rollouts/{number}")
    stay(page)
    page.locator("#rollout-head .pill", has_text=re.compile("Rolled back")).wait_for()
    cause = page.locator("#rollout-progress .cause")
    cause.wait_for()
    words = cause.inner_text()
    assert "exited with 3" in words and "no queue at QUEUE_URL" in words, words
    assert stayed(page)
    shoot(page, "rollout-rolled-back")


def test_a_build_s_page_shows_its_log(quiet: Any, house: House, app: App, tmp_path: Path) -> None:
    page = quiet
    release = app.built(sources.serving(tmp_path / "v1", "v1"))
    build = app.get(f"/releases/{release}")["build"]
    page.goto(f"{house.url}/apps/{app.name}/builds/{build}")
    page.locator("section.log li", has_text=f"Release: {release}").wait_for()
    shoot(page, "build")


def test_a_repository_is_connected_and_its_deliveries_come_by_themselves(quiet: Any, house: House, app: App) -> None:
    """With the keyboard alone from the replay on."""
    page = quiet
    page.goto(f"{house.url}/apps/{app.name}/source")
    shoot(page, "source-none")
    page.get_by_label("Repository").fill("https://git.invalid/ada/engine.git")
    page.get_by_label("A push to the branch does").select_option("Nothing")
    page.get_by_role("button", name="Connect").click()
    secret = page.locator(".note.success code").inner_text()
    shoot(page, "source-connected")

    page.goto(f"{house.url}/apps/{app.name}/deliveries")
    page.get_by_text("No delivery yet").wait_for()
    stay(page)
    body, headers = github_payloads.delivery(secret, "push", github_payloads.push())
    sent = httpx.post(f"{house.url}/hooks/github/{app.name}", content=body, headers=headers)
    assert sent.status_code == 202, sent.text
    page.get_by_text("skipped: a push does nothing here").wait_for()
    assert stayed(page), "the delivery did not come by itself"
    shoot(page, "deliveries")
    page.get_by_role("button", name="Replay the push").focus()
    page.keyboard.press("Enter")
    page.get_by_text("replayed by admin").wait_for()

    page.goto(f"{house.url}/apps/{app.name}")
    page.locator("summary", has_text="Build commit").focus()
    for key in ("Enter", "Tab", "v", "1", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"{house.url}/apps/{app.name}/builds/*")
    page.locator("#build-facts", has_text="git.invalid").wait_for()
    shoot(page, "build-from-git")
    page.goto(f"{house.url}/registries")
    shoot(page, "registries-none")


def test_a_page_lives_on_when_the_web_server_was_away(page: Any, house: House, app: App, tmp_path: Path) -> None:
    page.goto(f"{house.url}/apps/{app.name}")
    stay(page)
    with page.expect_event("console", lambda message: message.type == "error"):
        house.kill("web")
    until(house.is_ready, "a web server again")
    release = app.built(sources.serving(tmp_path / "v1", "v1"))
    page.get_by_role("button", name=f"Promote {release}").wait_for()
    assert stayed(page)
