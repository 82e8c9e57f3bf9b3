"""A log of a million lines in a real Chromium: how soon one reads its end, and finds something in it."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import browsing, chromium
from tests.bench.figures import percentile, show, title
from tests.journeys.house import ROOT, House

LINES, TIMES = 1_000_000, 7
# Behind the scenes: what a build that talks without an end would leave, with one error and one needle at the end.
WRITE = """
from itertools import islice
from django.db import connection, transaction
from django.utils import timezone
from releases.models import App, Build
app = App.objects.get(name="talkative")
build = Build.objects.create(app=app, status="running", taken=True, by_label="bench")
now = connection.ops.adapt_datetimefield_value(timezone.now())
def said(number):
    if number == {lines} - 1:
        return "Error: the hay is wet"
    if number == {lines}:
        return "Here is the needle"
    return f"Collecting example-package>=1.2.{{number}} (from -r requirements.txt)"
rows = ((build.pk, number, now, "build", said(number)) for number in range(1, {lines} + 1))
statement = "INSERT INTO releases_logline (owner, number, time, stream, message) VALUES (%s, %s, %s, %s, %s)"
while batch := list(islice(rows, 20_000)):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, batch)
build.last_line = {lines}
build.save()
build.transition("succeeded")
print(build.pk)
"""
# From the click to the first frame that shows a line of the log, by the browser's own clock.
PAINTED = """() => new Promise((done) => {
  const look = () => {
    const line = document.querySelector("[data-scroll] li:last-child");
    if (line) requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    else requestAnimationFrame(look);
  };
  look();
})"""


def measure(house: House, folder: Path) -> None:
    title(f"A log of {LINES:,} lines in Chromium")
    path = chromium.find()
    if not path:
        show("left out", chromium.why_not())
        return
    from playwright.sync_api import sync_playwright

    house.app("talkative")
    program = [sys.executable, "manage.py", "shell", "-v", "0", "-c", WRITE.format(lines=LINES)]
    build = subprocess.check_output(program, cwd=ROOT, env=house.environment, text=True).strip()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=browsing.ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(house.manage("password", "--link"))
        page.get_by_role("button", name="Sign in as admin").click()
        page.wait_for_url(f"{house.url}/")
        address = f"{house.url}/apps/talkative/builds/{build}"
        screens = [_screen(page, house.url, address) for _ in range(TIMES)]
        show("from the click to the newest lines on the screen, p50", f"{1000 * percentile(screens, 50):.0f} ms")
        show("the slowest", f"{1000 * max(screens):.0f} ms", target="1000 ms")
        _find(page)
        browser.close()


def _screen(page: Any, home: str, address: str) -> float:
    """Seconds, from another page of ours on."""
    page.goto(f"{home}/clusters")
    began = time.monotonic()
    page.evaluate("(address) => { location.href = address; }", address)
    page.wait_for_url(address, wait_until="commit")
    page.evaluate(PAINTED)
    return time.monotonic() - began


def _find(page: Any) -> None:
    page.locator("section.log.alive").wait_for()
    page.evaluate("location.hash = '#L1'")
    page.locator("#L1").wait_for()
    page.get_by_label("Search this log").fill("the needle")

    def search() -> None:
        page.keyboard.press("Enter")
        page.locator("li.here", has_text="needle").wait_for()

    def first_error() -> None:
        page.get_by_role("button", name="First error").click()
        page.locator("li.here", has_text="the hay is wet").wait_for()

    show("a search that finds something in the last line only", f"{_seconds(search):.1f} s")
    show("the first error, in the last but one", f"{_seconds(first_error):.1f} s")


def _seconds(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
