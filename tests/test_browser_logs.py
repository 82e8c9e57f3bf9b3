"""A long log in one Chromium: read at both ends and in the middle, searched, filtered, pointed at, cut off."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browsing import a_tab, expect
from tests.web_server import WebServer, wait_until

pytestmark = pytest.mark.browser
LINES = 20_000
HELD = 6_500
# A rollout that runs, with a long log: service web says every tenth line, one line looks like an error.
STORY = """
from tests.pages_world import make_world
w = make_world("shop")
rollout = w.rollout(w.newest)
def line(number):
    words = "Error: the queue is full" if number == 12_345 else f"\\x1b[32mline\\x1b[0m {number}"
    return Line("service/web/web-1" if number % 10 == 0 else "system/k8s/web", words)
for first in range(1, 20_001, 2_000):
    logs.append(rollout, [line(number) for number in range(first, first + 2_000)])
import builtins
builtins.rollout, builtins.line = rollout, line
"""
NUMBERS = "[...document.querySelectorAll('[data-scroll] li')].map((row) => Number(row.id.slice(1)))"

IN_SIGHT = """(number) => {
  const row = document.getElementById(`L${number}`)?.getBoundingClientRect();
  const scroll = document.querySelector("[data-scroll]").getBoundingClientRect();
  return row !== undefined && row.top >= scroll.top && row.bottom <= scroll.bottom;
}"""


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("logs"))
    server.behind(STORY)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def tab(browser: Any, server: WebServer) -> Any:
    return a_tab(browser, server, permissions=["clipboard-read", "clipboard-write"])


class Reader:
    def __init__(self, page: Any, server: WebServer) -> None:
        self.page, self.server = page, server
        self.address = f"{server.url}/apps/shop/rollouts/3"
        self.scroll = page.locator("[data-scroll]")
        self.follow = page.get_by_label("Follow")
        self.said = page.locator("[data-said]")

    def open(self, more: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + more)
        self.page.locator("section.log.alive").wait_for()

    def says(self, count: int) -> int:
        """So many more lines; gives the number of the last one."""
        return self.server.behind(
            f"""
            last = rollout.last_line
            answer = logs.append(rollout, [line(last + more) for more in range(1, {count} + 1)])
            """
        )

    def has(self, number: int) -> None:
        self.page.locator(f"#L{number}").wait_for(state="attached")

    def sees(self, number: int) -> None:
        """It is where one reads, in the window of the log."""
        wait_until(lambda: self.page.evaluate(IN_SIGHT, number), what=f"line {number} in sight")

    def numbers(self) -> list[int]:
        return self.page.evaluate(NUMBERS)

    def is_whole(self) -> bool:
        """What it holds is one stretch: no line is missing or there twice."""
        numbers = self.numbers()
        return len(numbers) <= HELD and numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    def has_before(self, number: int) -> int:
        """Gives the first that is there, once it is before that line."""
        return wait_until(lambda: (found := self.numbers()[0]) < number and found, what=f"lines before {number}")

    def to_top(self) -> None:
        self.scroll.evaluate("(scroll) => { scroll.scrollTop = 0; }")


@pytest.fixture
def reader(tab: Any, server: WebServer) -> Iterator[Reader]:
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.set_viewport_size({"width": 1200, "height": 900})
    made = Reader(tab, server)
    made.open()
    yield made
    assert errors == []


def last(reader: Reader) -> int:
    return reader.server.behind("answer = rollout.last_line")


def test_one_scrolls_back_through_all_of_it_and_forward_to_what_comes(reader: Reader) -> None:
    newest = last(reader)
    reader.sees(newest)
    top = newest
    while top > newest - 7_000:
        reader.to_top()
        top = reader.has_before(top)
        assert reader.is_whole()
    assert reader.numbers()[-1] < newest, "the lines that are far away were kept"
    expect(reader.follow).not_to_be_checked()
    expect(reader.page.locator("[data-later]")).to_contain_text("later lines")
    grown = reader.says(3)
    while reader.numbers()[-1] < grown:
        reader.scroll.evaluate("(scroll) => { scroll.scrollTop = scroll.scrollHeight; }")
        reader.page.wait_for_timeout(20)  # the browser's own pace of scrolling
    assert reader.is_whole()
    reader.scroll.evaluate("(scroll) => { scroll.scrollTop = scroll.scrollHeight; }")
    expect(reader.follow).to_be_checked()
    reader.sees(reader.says(1))


def test_what_is_loaded_above_moves_nothing_that_one_looks_at(reader: Reader) -> None:
    where = """() => {
      const scroll = document.querySelector("[data-scroll]");
      const row = document.elementFromPoint(700, scroll.getBoundingClientRect().top + 200).closest("li");
      return [row.id, Math.round(row.getBoundingClientRect().top)];
    }"""
    first = reader.numbers()[0]
    reader.scroll.evaluate("(scroll) => { scroll.scrollTop = 1400; }")
    row, place = reader.page.evaluate(where)
    reader.has_before(first)
    assert reader.page.evaluate(where) == [row, place]


def test_a_burst_neither_loses_a_line_nor_fills_the_page(reader: Reader) -> None:
    reader.page.get_by_label("Search this log").focus()
    before = last(reader)
    for _ in range(5):
        reader.says(4_000)
        reader.page.keyboard.type("x")
    reader.sees(before + 20_000)
    assert reader.page.get_by_label("Search this log").input_value() == "xxxxx"
    assert reader.is_whole()


def test_who_reads_an_older_line_is_left_in_peace(reader: Reader) -> None:
    newest = last(reader)
    reader.scroll.hover()
    reader.page.mouse.wheel(0, -600)
    expect(reader.follow).not_to_be_checked()
    place = reader.scroll.evaluate("(scroll) => scroll.scrollTop")
    grown = reader.says(5)
    reader.has(grown)
    assert reader.scroll.evaluate("(scroll) => scroll.scrollTop") == place
    reader.follow.check()
    reader.sees(grown)
    assert grown == newest + 5


def test_an_address_points_at_lines_that_are_not_on_the_page_yet(reader: Reader) -> None:
    reader.open("#L10-L20")
    reader.sees(15)
    marked = "[...document.querySelectorAll('li.marked')].map((row) => Number(row.id.slice(1)))"
    assert reader.page.evaluate(marked) == list(range(10, 21))
    reader.page.locator("#L12 .n").click()
    reader.page.locator("#L14 .n").click(modifiers=["Shift"])
    assert reader.page.evaluate("location.hash") == "#L12-L14" and reader.page.evaluate(marked) == [12, 13, 14]
    reader.page.get_by_role("button", name="Copy").click()
    expect(reader.said).to_have_text("Copied 3 lines.")
    copied = reader.page.evaluate("navigator.clipboard.readText()").splitlines()
    assert [re.sub(r"^[\d:]{8} ", "", text) for text in copied] == [f"system/k8s/web line {n}" for n in (12, 13, 14)]
    reader.page.get_by_label("Go to line").fill("9000-9003")
    reader.page.keyboard.press("Enter")
    reader.sees(9001)
    assert reader.page.evaluate("location.hash") == "#L9000-L9003" and reader.is_whole()


def test_search_goes_from_hit_to_hit(reader: Reader) -> None:
    reader.open("#L1")
    reader.sees(1)
    reader.page.get_by_label("Search this log").fill("LINE 1999")
    here = reader.page.locator("li.here")
    for key, number, place in (
        ("Enter", 1999, "1 of 11"),
        ("Enter", 19_990, "2 of 11"),
        ("Enter", 19_991, "3 of 11"),
        ("Shift+Enter", 19_990, "2 of 11"),
        ("Shift+Enter", 1999, "1 of 11"),
        ("Shift+Enter", 19_999, "11 of 11"),
    ):
        reader.page.keyboard.press(key)
        expect(here).to_have_attribute("id", f"L{number}")
        expect(reader.said).to_have_text(place)
        reader.sees(number)
    marked = reader.page.evaluate("[...CSS.highlights.get('log-hits')].map(String)")
    assert {words.lower() for words in marked} - {""} == {"line 1999"}
    reader.page.get_by_label("Search this log").fill("nowhere at all")
    reader.page.get_by_role("button", name="Next match").click()
    expect(reader.said).to_have_text("No match")
    reader.page.get_by_role("button", name="First error").click()
    expect(here).to_have_attribute("id", "L12345")
    expect(here.locator(".err")).to_have_text("Error: the queue is full")


def test_one_stream_is_shown_old_and_new_and_by_its_address(reader: Reader) -> None:
    reader.page.get_by_label("Lines of").select_option("service/web")
    reader.page.wait_for_url("**?stream=service%2Fweb")
    grown = reader.says(20)
    tens = grown - grown % 10
    reader.has(tens)
    assert all(number % 10 == 0 for number in reader.numbers())
    reader.to_top()
    wait_until(lambda: len(reader.numbers()) > 600, what="earlier lines")
    numbers = reader.numbers()
    assert numbers == list(range(numbers[0], tens + 1, 10))
    reader.open("?stream=service%2Fweb#L500")
    reader.sees(500)
    assert reader.page.get_by_label("Lines of").input_value() == "service/web"
    reader.page.get_by_label("Lines of").select_option("")
    reader.has(501)
    assert reader.page.evaluate("location.search") == ""


def test_wrap_is_remembered(reader: Reader) -> None:
    reader.page.get_by_label("Wrap").uncheck()
    reader.open()
    expect(reader.page.get_by_label("Wrap")).not_to_be_checked()
    expect(reader.page.locator("section.log")).to_have_class("log alive nowrap")
    reader.page.get_by_label("Wrap").check()


def test_colours_are_classes_and_hostile_lines_are_words(reader: Reader) -> None:
    evil = "\\x1b[31mred\\x1b[0m \\x1b[38;5;46mgreen\\x1b[0m \\x1b[1;4m<b onclick=x>\\x1b]8;;javascript:x\\x07l\\u202e"
    hostile = f"logs.append(rollout, [Line('build', '{evil}')])"
    drawn = """(number) => {
      const said = document.querySelector(`#L${number} .m`);
      const parts = [...said.querySelectorAll("*")];
      return [said.textContent, parts.map((part) => [part.localName, part.className, part.attributes.length])];
    }"""
    shown = [
        "red green <b onclick=x>l[U+202E]",
        [["span", "ansi-red-fg", 1], ["span", "ansi-green-fg", 1], ["span", "ansi-bold ansi-underline", 1]],
    ]
    live = reader.server.behind(f"answer = {hostile}")
    reader.has(live)
    assert reader.page.evaluate(drawn, live) == shown
    reader.open()
    assert reader.page.evaluate(drawn, live) == shown, "the server's drawing is another one"


def test_a_lost_connection_costs_no_line(reader: Reader) -> None:
    reader.sees(reader.says(1))
    reader.server.kill()
    grown = reader.says(2_500)
    reader.server.start()
    reader.has(grown)
    reader.sees(grown)
    assert reader.is_whole()
