"""What a person watches: rollouts, of all ends; logs; a connection that is cut. In a real Chromium."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import expect
from tests.journeys import doors, sources
from tests.journeys.app import App
from tests.journeys.browsing import is_promoted, numbers, shoot, stay, stayed
from tests.journeys.house import House
from tests.journeys.test_diagnosis_around import without
from tests.journeys.waiting import until

pytestmark = pytest.mark.browser
MISSES_ONE = "import os\nprint('starting', flush=True)\nos.environ['QUEUE_URL']\n"
# Said for a few seconds only.
NOTES_THAT_IT_IS_BACK = """() => {
  const notice = document.getElementById("connection");
  const look = () => { if (notice.textContent === "Back again.") document.documentElement.dataset.back = "yes"; };
  new MutationObserver(look).observe(notice, { childList: true });
}"""


@pytest.fixture(scope="module")
def failing(shop: App, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The number of a rollout that can't go well."""
    folder = tmp_path_factory.mktemp("failing")
    return shop.promote(shop.built(sources.write(folder, sources.manifest(), {"server.py": MISSES_ONE})))


@pytest.fixture
def elsewhere(page: Any, house: House) -> Iterator[Any]:
    """Another tab of the same person, on a page that has nothing to do with apps."""
    other = page.context.new_page()
    other.goto(f"{house.url}/help/words")
    yield other
    other.close()


def test_one_watches_a_rollout_from_here_and_from_elsewhere(
    quiet: Any, elsewhere: Any, house: House, shop: App, tmp_path: Path
) -> None:
    page = quiet
    before = shop.release
    go = tmp_path / "go"
    release = shop.built(sources.held(tmp_path / "source", "watched", go))
    page.goto(f"{house.url}/apps/{shop.name}")
    page.get_by_role("button", name=f"Promote {release}").click()
    page.wait_for_url(f"{house.url}/apps/{shop.name}/rollouts/*")
    stay(page)
    expect(page).to_have_title(f"◐ Promoting {release} · {shop.name}")
    expect(page.locator("#icon")).to_have_attribute("href", re.compile(r"busy.*svg"))
    expect(page.locator(".steps [aria-current=step]")).to_contain_text("Rolling")
    page.locator(".procs i.p.old").first.wait_for()
    page.locator(".procs i.p.starting").first.wait_for()
    expect(page.locator("#rollout-head")).to_contain_text(f"An abort brings {before} back on every process.")
    page.locator("[data-scroll] li", has_text="Scaled up replica set").first.wait_for()
    shoot(page, "rollout-under-way")

    go.touch()
    toast = elsewhere.locator(".toast")
    toast.hover(timeout=40_000)  # as long as somebody points at it, it stays
    is_promoted(page)
    expect(page).to_have_title(f"✓ Promoted {release} · {shop.name}")
    expect(page.locator("#icon")).to_have_attribute("href", re.compile(r"ok.*svg"))
    expect(page.locator(".outcome")).to_contain_text(f"{release} is active")
    expect(page.locator(".steps .now")).to_have_count(0)
    expect(page.get_by_text("2 / 2 ready")).to_be_visible()
    page.locator("[data-scroll] li", has_text="is active on every process").wait_for()
    assert stayed(page), "the page was loaded anew"
    number = int(page.url.rsplit("/", 1)[1])
    lines = shop.log(f"/rollouts/{number}")
    page.locator(f"#L{lines[-1]['number']}").wait_for()
    assert numbers(page) == [line["number"] for line in lines]
    shoot(page, "rollout-succeeded")

    expect(page.locator(".toast")).to_have_count(0)
    expect(toast).to_contain_text(release)
    toast.get_by_role("link").click()
    elsewhere.wait_for_url(page.url)


def test_one_aborts_and_what_ran_before_answers_again(quiet: Any, house: House, shop: App, tmp_path: Path) -> None:
    page = quiet
    before, answer = shop.release, shop.answers("version")
    number = shop.promote(shop.built(sources.slow(tmp_path, "never", 600)))
    page.goto(f"{house.url}/apps/{shop.name}/rollouts/{number}")
    page.locator(".procs i.p.starting").first.wait_for()
    page.get_by_role("button", name="Abort and restore").click()
    expect(page.locator("#rollout-head .pill")).to_contain_text("Rolled back")
    expect(page.locator("#rollout-progress")).to_contain_text("admin")
    expect(page.locator(".outcome")).to_contain_text(before)
    expect(page.get_by_role("button", name="Promote again")).to_be_visible()
    shoot(page, "rollout-aborted")
    assert shop.release == before
    shop.answers(answer)


def test_one_reads_why_a_rollout_failed(quiet: Any, house: House, shop: App, failing: int) -> None:
    page = quiet
    page.goto(f"{house.url}/apps/{shop.name}/rollouts/{failing}")
    stay(page)
    expect(page.locator("#rollout-head .pill")).to_contain_text("Rolled back")
    cause = page.locator("#rollout-progress .cause")
    expect(cause).to_contain_text("exited with 1")
    expect(cause).to_contain_text("QUEUE_URL is missing: it is not among this release's variables.")
    expect(cause.locator(".evidence")).to_contain_text("KeyError: 'QUEUE_URL'")
    expect(page.locator(".outcome")).to_contain_text(shop.release)
    expect(page).to_have_title(re.compile("^↺ "))
    assert stayed(page)
    shoot(page, "rollout-rolled-back")


def test_one_searches_the_log_of_what_failed(quiet: Any, house: House, shop: App, failing: int) -> None:
    page = quiet
    shop.ended(failing)
    lines = shop.log(f"/rollouts/{failing}")
    hits = [line["number"] for line in lines if "starting" in line["message"].lower()]
    assert len(hits) > 1
    address = f"{house.url}/apps/{shop.name}/rollouts/{failing}"
    page.goto(address)
    here = page.locator("[data-scroll] li.here")
    page.keyboard.press("/")
    page.keyboard.type("STARTING")
    expect(page.locator("[data-said]")).to_have_text(f"{len(hits)} matching lines")
    page.keyboard.press("Enter")
    expect(here).to_have_attribute("id", f"L{hits[0]}")
    page.get_by_role("button", name="Next match").click()
    expect(here).to_have_attribute("id", f"L{hits[1]}")
    page.get_by_role("button", name="Previous match").click()
    expect(here).to_have_attribute("id", f"L{hits[0]}")
    expect(page.locator("[data-said]")).to_have_text(f"1 of {len(hits)}")

    page.get_by_role("button", name="First error").click()
    expect(here.locator(".err")).to_be_visible()
    shoot(page, "log-searched")
    number = here.get_attribute("id")
    here.locator("a.n").click()
    page.wait_for_url(f"{address}#{number}")
    page.goto("about:blank")
    page.goto(f"{address}#{number}")
    expect(page.locator(f"#{number}.marked")).to_be_in_viewport()


def test_a_build_s_page_shows_its_log(quiet: Any, house: House, shop: App) -> None:
    page = quiet
    build = shop.get(f"/releases/{shop.release}")["build"]
    page.goto(f"{house.url}/apps/{shop.name}/builds/{build}")
    page.locator("[data-scroll] li", has_text=re.compile("Release: R")).wait_for()
    lines = shop.log(f"/builds/{build}")
    page.locator(f"#L{lines[-1]['number']}").wait_for()
    assert numbers(page) == [line["number"] for line in lines]
    shoot(page, "build")


def test_one_reads_along_with_what_one_process_writes(quiet: Any, house: House, shop: App) -> None:
    page = quiet
    page.goto(f"{house.url}/apps/{shop.name}/processes")
    page.get_by_role("link", name="Log of web", exact=True).click()
    page.locator("[data-scroll] li", has_text="serving").nth(1).wait_for()
    streams = page.get_by_label("Lines of")
    process = streams.locator("option", has_text=re.compile("^service/web/")).first.inner_text()
    streams.select_option(process)
    page.wait_for_url(re.compile("process="))
    page.locator("[data-scroll] li", has_text="serving").first.wait_for()
    stay(page)

    def said(words: str) -> bool:
        """Whichever process is asked says it: sooner or later this one."""
        doors.ask(shop.house.door_port, shop.host, f"/say/{words}")
        return page.locator("[data-scroll] li", has_text=words).count() > 0

    until(lambda: said("good-morning"), "a word of this process")
    until(lambda: said("good-night"), "another one")
    assert stayed(page)
    spoken = page.locator("[data-scroll] li .s").all_inner_texts()
    assert set(spoken) == {process}, spoken
    shoot(page, "app-log")


def test_a_cut_connection_costs_nothing(page: Any, house: House, shop: App, tmp_path: Path) -> None:
    """The web server dies in the middle of a rollout, which goes on."""
    go = tmp_path / "go"
    number = shop.promote(shop.built(sources.held(tmp_path / "source", "cut", go)))
    page.goto(f"{house.url}/apps/{shop.name}/rollouts/{number}")
    stay(page)
    page.locator("[data-scroll] li").first.wait_for()
    shown = len(numbers(page))
    notice = page.locator("#connection")
    page.evaluate(NOTES_THAT_IT_IS_BACK)
    with without(house, "web"):
        expect(notice).to_have_text("The connection is lost. Trying again… What is shown may be old.")
        go.touch()
    page.locator("html[data-back]").wait_for(state="attached")
    is_promoted(page)
    lines = shop.log(f"/rollouts/{number}")
    expect(page.locator(f"#L{lines[-1]['number']}")).to_be_visible()
    assert numbers(page) == [line["number"] for line in lines] and len(lines) > shown
    assert stayed(page), "the page was loaded anew"
    shop.answers("version cut")
