"""Each page, light and wide, dark and narrow: within WCAG 2.2 AA, inside its window, without an error.

Their pictures are left in `test-results/pages`.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests import every_page
from tests.accessibility import violations
from tests.browsing import a_tab
from tests.web_server import PASSWORD, ROOT, WebServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

SHOTS = ROOT / "test-results" / "pages"
LOOKS = [("light", 1280), ("dark", 390)]
NARROWEST = 360


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    server = WebServer(tmp_path_factory.mktemp("every-page"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def world(server: WebServer) -> dict[str, Any]:
    return server.behind("from tests import every_page_world; answer = every_page_world.make()")


class Looker:
    """Somebody with a tab, who looks at one page after the other and says what is wrong with it."""

    def __init__(self, browser: Any, server: WebServer, world: dict[str, Any]) -> None:
        self.server, self.world = server, world
        self.page = a_tab(browser, reduced_motion="reduce")
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.faults: list[str] = []

    def signs_in(self) -> "Looker":
        """As the administrator."""
        self.page.goto(f"{self.server.url}/sign-in")
        self.page.get_by_label("Name").fill("ann")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(f"{self.server.url}/")
        return self

    def faults_of(self, path: str, status: int = 200, *, button: Any = None) -> str:
        """In whichever look, a line each; `path` with the world's names in braces. Pictures are kept.

        `button`: the name of one that is pressed first, and leads to what is looked at.
        """
        self._wear(*LOOKS[0])
        self.faults = []
        answer = self.page.goto(self.server.url + path.format(**self.world))
        if button:
            with self.page.expect_navigation() as leaving:
                self.page.get_by_role("button", name=button).first.click()
            answer = leaving.value
        name = _named(path) + (f"-{_named(getattr(button, 'pattern', button))}" if button else "")
        for look in LOOKS:
            self._wear(*look)
            self.page.screenshot(path=SHOTS / f"{name}-{look[0]}-{look[1]}.png", full_page=True)
            self.faults += [f"{look}: {fault}" for fault in violations(self.page)]
        self._wear("dark", NARROWEST)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        if wide > NARROWEST:
            self.faults.append(f"{wide} px wide in a window of {NARROWEST} px")
        if answer.status != status:
            self.faults.append(f"it is answered with {answer.status}")
        expected = f"with a status of {status} ("
        return "\n".join(fault for fault in self.faults if expected not in fault)

    def _wear(self, scheme: str, width: int) -> None:
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": 900})


def _named(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-") or "apps"


@pytest.fixture(scope="module")
def ann(browser: Any, server: WebServer, world: dict[str, Any]) -> Looker:
    return Looker(browser, server, world).signs_in()


@pytest.fixture(scope="module")
def stranger(browser: Any, server: WebServer, world: dict[str, Any]) -> Looker:
    return Looker(browser, server, world)


def test_no_page_is_forgotten() -> None:
    known = {*every_page.PAGES, *every_page.WITHOUT_A_SIGN_IN, *every_page.NO_PAGE}
    assert set(every_page.names()) - known == set()
    assert known - set(every_page.names()) == set()


@pytest.mark.parametrize("path", every_page.paths(every_page.PAGES))
def test_a_page_is_for_everybody(ann: Looker, path: str) -> None:
    assert ann.faults_of(path) == ""


def test_a_page_that_is_not_there_is_for_everybody(ann: Looker) -> None:
    assert ann.faults_of("/apps/{app}/no-such-page", 404) == ""


@pytest.mark.parametrize("path", every_page.ADMIN)
def test_the_admin_is_for_everybody(ann: Looker, path: str) -> None:
    assert ann.faults_of(path) == ""


@pytest.mark.parametrize(
    ("path", "button"),
    [
        ("/apps/{app}/releases/{bad}", re.compile("^Promote R")),
        ("/apps/{app}/env", "Preview"),
        ("/apps/{app}/env", "Show values"),
    ],
)
def test_a_page_that_a_button_leads_to_is_for_everybody(ann: Looker, path: str, button: Any) -> None:
    assert ann.faults_of(path, button=button) == ""


@pytest.mark.parametrize("path", every_page.paths(every_page.WITHOUT_A_SIGN_IN))
def test_a_page_before_the_sign_in_is_for_everybody(stranger: Looker, path: str) -> None:
    assert stranger.faults_of(path) == ""


def test_a_link_that_is_used_up_is_for_everybody(stranger: Looker) -> None:
    assert stranger.faults_of("/sign-in/MQ/no-such-token/", 410) == ""
