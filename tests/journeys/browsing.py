"""How a journey is told in a browser: what it sees, what it keeps of it."""

from typing import Any

from tests.browsing import expect
from tests.web_server import ROOT

SHOTS = ROOT / "test-results"
WIDTHS = (1200, 390)


def sign_in_by(page: Any, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_role("button", name=f"Sign in as {name}").click()
    page.get_by_role("heading", name="Apps", exact=True).wait_for()


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
