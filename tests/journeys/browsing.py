"""A real Chromium in which a journey is told: what it sees, what it keeps of it, what it may not complain of."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import chromium
from tests.web_server import ROOT

SHOTS = ROOT / "test-results"
WIDTHS = (1200, 390)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def a_browser() -> Iterator[Any]:
    """Skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    path = chromium.find()
    if not path:
        pytest.skip(chromium.why_not())
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def a_tab(browser: Any) -> Any:
    """Signed in as nobody."""
    page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.set_default_timeout(20_000)
    return page


def sign_in_by(page: Any, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_role("button", name=f"Sign in as {name}").click()
    page.get_by_role("heading", name="Apps", exact=True).wait_for()


@contextmanager
def without_complaint(page: Any) -> Iterator[Any]:
    """On the tab's console no error may appear meanwhile."""
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
    for scheme, width in zip(("light", "dark"), WIDTHS, strict=True):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SHOTS / f"{name}-{scheme}-{width}.png")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide in a window of {width} px"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1200, "height": 900})


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect

    return expect(locator)


def stay(page: Any) -> None:
    """Leaves a mark that a reload would wipe out."""
    page.evaluate("window.hereSince = 1")


def stayed(page: Any) -> bool:
    return page.evaluate("window.hereSince === 1")


def numbers(page: Any) -> list[int]:
    """Of the lines of the log that the page shows, in their order."""
    return page.evaluate("[...document.querySelectorAll('[data-scroll] li')].map((row) => Number(row.id.slice(1)))")


def is_promoted(page: Any) -> None:
    """Waits for the end of the rollout whose page this is, which must be a good one."""
    expect(page.locator("#rollout-head .pill")).to_contain_text("Succeeded", timeout=40_000)
