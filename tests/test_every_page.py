"""Each page, light and wide, dark and narrow: within WCAG 2.2 AA, inside its window, without an error.

Their pictures are left in `test-results/pages`.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests import chromium, every_page
from tests.accessibility import violations
from tests.web_server import PASSWORD, ROOT, WebServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

SHOTS = ROOT / "test-results" / "pages"
LOOKS = [("light", 1280), ("dark", 390)]
NARROWEST = 360
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("every-page"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def world(server: WebServer) -> dict[str, Any]:
    return server.behind("from tests import every_page; answer = every_page.make()")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium.find()
    if not path:
        pytest.skip(chromium.why_not())
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(server: WebServer, world: dict[str, Any], browser: Any) -> Any:
    """The cookies of an administrator."""
    page = browser.new_page()
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{server.url}/")
    state = page.context.storage_state()
    page.context.close()
    return state


def look_at(browser: Any, url: str, path: str, state: Any = None) -> list[str]:
    """What is wrong with the page, in whichever look. Its pictures are kept."""
    page = browser.new_page(storage_state=state)
    page.set_default_timeout(20_000)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url + path)
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        page.screenshot(path=SHOTS / f"{_named(path)}-{scheme}-{width}.png", full_page=True)
        faults += [f"{scheme}, {width} px: {fault}" for fault in violations(page)]
    page.set_viewport_size({"width": NARROWEST, "height": 900})
    wide = page.evaluate("document.documentElement.scrollWidth")
    if wide > NARROWEST:
        faults.append(f"{wide} px wide in a window of {NARROWEST} px")
    page.context.close()
    return faults


def _named(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "apps"


def test_no_page_is_forgotten() -> None:
    known = {*every_page.PAGES, *every_page.WITHOUT_A_SIGN_IN, *every_page.NO_PAGE}
    assert set(every_page.names()) - known == set()
    assert known - set(every_page.names()) == set()


@pytest.mark.parametrize("path", every_page.paths(every_page.PAGES))
def test_a_page_is_for_everybody(
    browser: Any, server: WebServer, world: dict[str, Any], signed_in: Any, path: str
) -> None:
    assert look_at(browser, server.url, path.format(**world), signed_in) == []


@pytest.mark.parametrize("path", every_page.paths(every_page.WITHOUT_A_SIGN_IN))
def test_a_page_before_the_sign_in_is_for_everybody(
    browser: Any, server: WebServer, world: dict[str, Any], path: str
) -> None:
    faults = look_at(browser, server.url, path.format(**world))
    assert [fault for fault in faults if "the server responded with a status of 410" not in fault] == []


def test_a_page_that_is_not_there_is_for_everybody(
    browser: Any, server: WebServer, world: dict[str, Any], signed_in: Any
) -> None:
    faults = look_at(browser, server.url, "/apps/shop/no-such-page", signed_in)
    assert [fault for fault in faults if "the server responded with a status of 404" not in fault] == []
