"""A command run from its page, and variables pasted into theirs, in a real Chromium, with JavaScript and without."""

import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browsing import a_tab, expect
from tests.clusters import eventually
from tests.web_server import WebServer

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(browser: Any, server: WebServer) -> Iterator[Any]:
    """Gives a signed-in tab, which runs scripts or does not."""
    pages = []

    def open_tab(path: str, *, scripts: bool = True) -> Any:
        pages.append(a_tab(browser, server, java_script_enabled=scripts))
        pages[-1].goto(server.url + path)
        return pages[-1]

    yield open_tab
    for page in pages:
        page.context.close()


def written(page: Any) -> Any:
    """What the command wrote, line by line: that it has to wait for long is told in lines of our own."""
    return page.locator(".log.run li:not(.ours) .m")


def program(text: str) -> str:
    return shlex.join([sys.executable, "-I", "-S", "-c", text])


def run(page: Any, command: str) -> None:
    page.get_by_label("What to run").fill(command)
    page.get_by_role("button", name="Run", exact=True).click()


def gone(app: Any) -> None:
    eventually(lambda: not app.names("Job"), 20)
    eventually(lambda: not {name for name in app.names("Pod") if name.startswith("run-")}, 20)


def test_the_output_of_a_command_comes_while_it_runs(app: Any, tab: Any) -> None:
    release = app.release(active=False, env={"TOKEN": "hush-hush-hush"})
    page = tab(f"/apps/{app.name}/releases/{release}/run")
    run(page, "'open")
    expect(page.get_by_role("alert")).to_contain_text("can't be split into words")
    go = app.folder / "go"
    waits = f"[time.sleep(0.05) for _ in iter(lambda: os.path.exists({str(go)!r}), True)]"
    says = "print('\\033[31m<b>it is</b>\\033[0m', os.environ['TOKEN'], flush=True)"
    run(page, program(f"import os, sys, time; {says}; {waits}; [print('line', n) for n in range(700)]; sys.exit(3)"))
    lines = written(page)
    expect(lines.first).to_have_text("<b>it is</b> [TOKEN]")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".ansi-red-fg")).to_have_text("<b>it is</b>")
    expect(page.locator("[data-state]")).to_have_text("◐ running")
    go.touch()
    expect(page.locator("[data-state]")).to_have_text("✕ exited with 3")
    expect(lines).to_have_count(701)
    numbers = page.locator(".log.run li .n").all_text_contents()
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    run(page, program("print('once more')"))
    expect(page.locator("[data-state]")).to_have_text("✓ exited with 0")
    expect(lines).to_have_text(["once more"])
    page.reload()
    expect(page.get_by_text("you ran")).to_have_count(2)
    gone(app)


def test_stop_ends_it_and_so_does_leaving(app: Any, tab: Any) -> None:
    release = app.release(active=False)
    endless = program("import time; print('here', flush=True); time.sleep(600)")
    page = tab(f"/apps/{app.name}/releases/{release}/run")
    run(page, endless)
    expect(written(page)).to_have_text(["here"])
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("[data-state]")).to_have_text("✕ stopped")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    gone(app)
    run(page, endless)
    expect(written(page)).to_have_text(["here"])
    with page.expect_event("dialog") as asked:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{app.server.url}/account")
    assert asked.value.type == "beforeunload"
    gone(app)


def test_without_scripts_the_page_grows_to_the_end(app: Any, tab: Any) -> None:
    release = app.release(active=False, env={"TOKEN": "hush-hush-hush"})
    page = tab(f"/apps/{app.name}/releases/{release}/run", scripts=False)
    run(page, program("import os, sys; print('<i>it is', os.environ['TOKEN']); sys.exit(4)"))
    expect(page.locator("[data-end]")).to_have_text("✕ exited with 4")
    expect(written(page)).to_have_text(["<i>it is [TOKEN]"])
    expect(page.get_by_role("heading", name="Run lately")).to_be_visible()


def test_pasted_lines_become_rows(app: Any, tab: Any) -> None:
    release = app.release(active=False, env={"KEPT": "1", "GONE": "2"})
    page = tab(f"/apps/{app.name}/env")
    page.evaluate("window.hereSince = 1")
    page.get_by_role("button", name="More rows").click()
    expect(page.get_by_label("Name of a variable")).to_have_count(3)
    paste(page, "A=1\n# ours\nexport B='two words'\nC=a=b\n\nD=\n")
    names, values = page.get_by_label("Name of a variable"), page.get_by_label("Its value")
    assert [field.input_value() for field in names.all()] == ["A", "B", "C", "D"]
    assert [field.input_value() for field in values.all()] == ["1", "two words", "a=b", ""]
    page.get_by_label("Value of KEPT").fill("3")
    page.get_by_label("Remove GONE").check()
    expect(page.locator("[data-summary]")).to_have_text("Sets KEPT, A, B, C, D. Removes GONE.")
    # What is not as simple is left to the server to read.
    paste(page, 'KEY="several\nlines"\n')
    expect(page.get_by_label("Its text")).to_have_value('KEY="several\nlines"\n')
    assert page.evaluate("window.hereSince") == 1
    page.get_by_role("button", name="Stage").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("are staged in R"))).to_be_visible()
    env = app.server.behind(
        f"answer = Release.objects.filter(app__name={app.name!r}).exclude(pk={release!r}).get().env"
    )
    assert env == {"KEPT": "3", "A": "1", "B": "two words", "C": "a=b", "D": "", "KEY": "several\nlines"}


def paste(page: Any, text: str) -> None:
    """Into the first name, as Ctrl V does."""
    page.get_by_label("Name of a variable").first.evaluate(
        """(field, text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text", text);
          field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}));
        }""",
        text,
    )
