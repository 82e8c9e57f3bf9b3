"""A real Chromium, and tabs in it, for all tests that look at pages as people do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests import chromium
from tests.web_server import WebServer

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# For what comes sooner or later; a busy machine is no fault of a page.
PATIENCE_MS = 30_000


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


def a_tab(browser: Any, server: WebServer | None = None, **options: Any) -> Any:
    """A page of a context of its own, with these options; of `server`'s administrator, or signed in as nobody."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}} | options)
    if server:
        name, value = server.session()
        context.add_cookies([{"name": name, "value": value, "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    return expect(locator)


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
