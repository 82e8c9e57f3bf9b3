"""What all pages share, by keyboard, in one Chromium: the palette, the keys, toasts, live parts that disturb nobody."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browsing import a_tab, expect
from tests.web_server import WebServer

pytestmark = pytest.mark.browser
# Played by the one who plays the worker: `shop` with a history that ann made, and a rollout of her newest release.
STORY = """
from tests.pages_world import make_release, make_rollout, make_world
w = make_world("shop")
ann = policy.actor_for(Person.objects.get(username="ann"))
def begin():
    rollout = make_rollout(App.objects.get(name="shop"), w.newest, "rolling", by=ann)
    logs.pages_changed(rollout.app_id)
    return rollout.number
def end(number, *statuses, **changes):
    rollout = Rollout.objects.get(app__name="shop", number=number)
    for status in statuses:
        rollout.transition(status, **(changes if status == statuses[-1] else {}))
    logs.pages_changed(rollout.app_id)
import builtins
for name in ('begin', 'end', 'w', 'ann', 'make_release'):
    setattr(builtins, name, globals()[name])
"""


@pytest.fixture(scope="module")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("frame"))
    server.behind(STORY)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def tab(browser: Any, server: WebServer) -> Any:
    return a_tab(browser, server)


@pytest.fixture
def page(tab: Any, server: WebServer) -> Any:
    tab.set_viewport_size({"width": 1200, "height": 900})
    tab.goto(f"{server.url}/apps/shop")
    return tab


def toast(page: Any, number: int) -> Any:
    return page.locator(f'.toast[data-key="shop.{number}"]')


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


def wait_for_kept(page: Any, what: str, key: str) -> None:
    """Until the tab has noted this rollout under `told` or `watched`."""
    page.wait_for_function(
        """([what, key]) => Object.entries(sessionStorage).some(
            ([name, kept]) => name.startsWith("deployer.toasts") && JSON.parse(kept)[what].includes(key))""",
        arg=[what, key],
    )


def press_at_once(page: Any, *keys: str) -> None:
    """In no time, by the clock of this page: a pause of a busy machine is none of a person."""
    page.evaluate("() => { const now = Date.now(); Date.now = () => now; }")
    for key in keys:
        page.keyboard.press(key)


# --- The palette and the keys -----------------------------------------------------------------------------------------


def test_the_palette_leads_to_where_a_thing_is_done(page: Any, server: WebServer) -> None:
    page.goto(f"{server.url}/clusters")
    page.locator("main a").first.focus()
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    assert focused(page) == "A", "the focus did not come back to where it was"

    page.keyboard.press("Control+k")
    page.keyboard.insert_text("shop")  # at once: what is found for its beginning would come in between
    expect(page.get_by_role("group", name="Apps")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_text(re.compile("^Promote in shop"))
    chosen = page.get_by_role("option", selected=True).get_attribute("id")
    assert field.get_attribute("aria-activedescendant") == chosen
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # from the first to the last
    assert page.get_by_role("option").last.get_attribute("aria-selected") == "true"
    field.fill("promote shop")
    page.keyboard.press("Enter")  # before the list has come
    page.wait_for_url(f"{server.url}/apps/shop#app-next")
    assert server.behind("answer = Rollout.objects.filter(app__name='shop').count()") == 2, "it promoted by itself"


def test_an_empty_palette_offers_where_one_was(page: Any, server: WebServer) -> None:
    page.goto(f"{server.url}/apps/shop/env")
    page.goto(f"{server.url}/")
    page.get_by_role("link", name="Find").click()
    lately = page.get_by_role("group", name="Where you were lately").get_by_role("option")
    expect(lately.first).to_have_attribute("href", "/apps/shop/env")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/apps/shop/env")


def test_keys_go_places_and_rest_while_one_types(page: Any, server: WebServer) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("g")  # in a dialog it is no key of ours
    page.keyboard.press("Escape")
    press_at_once(page, "g", "e")
    page.wait_for_url(f"{server.url}/apps/shop/env")
    press_at_once(page, "g", "a")
    page.wait_for_url(f"{server.url}/")

    page.goto(f"{server.url}/find")
    page.locator("h1").click()
    page.keyboard.press("/")
    expect(page.locator("#asked")).to_be_focused()
    page.keyboard.type("g o? /")
    expect(page.locator("#asked")).to_have_value("g o? /")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_of_one_letter_can_be_turned_off(page: Any, server: WebServer) -> None:
    page.get_by_role("link", name="Keys").click()
    box = page.get_by_role("checkbox", name="No shortcuts of single keys")
    box.check()
    page.keyboard.press("Escape")
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("Control+k")  # this one stays
    expect(page.get_by_role("combobox")).to_be_visible()
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Keys").click()
    box.uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


# --- Live parts disturb nobody ----------------------------------------------------------------------------------------


def test_what_a_reader_has_begun_in_a_live_part_stays(page: Any, server: WebServer) -> None:
    note = page.locator("#app-next input[name=note]")
    note.fill("because of incident 482")
    note.evaluate("field => field.setSelectionRange(3, 7)")
    page.evaluate("""() => {
        const heading = document.querySelector("#app-releases h2");
        window.kept = [heading, document.querySelector("#app-releases tr"), document.querySelector("#app-next input")];
    }""")
    release = server.behind("answer = make_release(w.app, by=ann).pk; logs.pages_changed(w.app.pk)")
    expect(page.locator("#app-next")).to_contain_text(release)
    expect(page.locator("#app-releases")).to_contain_text(release)
    expect(note).to_have_value("because of incident 482")
    expect(note).to_be_focused()
    assert note.evaluate("field => [field.selectionStart, field.selectionEnd]") == [3, 7]
    link = page.locator("#app-releases tbody a").first
    link.focus()
    address = link.get_attribute("href")
    release = server.behind("answer = make_release(w.app, by=ann).pk; logs.pages_changed(w.app.pk)")
    expect(page.locator("#app-releases")).to_contain_text(release)
    assert page.evaluate("document.activeElement.getAttribute('href')") == address
    lost = page.evaluate("kept.filter((element) => !element.isConnected).map((element) => element.outerHTML)")
    assert lost == [], "these were replaced instead of changed"


def test_milestones_are_announced_and_the_tab_tells_them(page: Any, server: WebServer) -> None:
    expect(page.locator("#announcement")).to_have_text("")
    number = server.behind("answer = begin()")
    expect(page.locator("#announcement")).to_have_text("shop: Updating")
    assert page.title().startswith("◐ ")
    expect(page.locator("#icon")).to_have_attribute("href", re.compile("busy.*svg"))
    server.behind(f"end({number}, 'succeeded')")
    expect(page.locator("#announcement")).to_have_text("shop: Running")


# --- Toasts -----------------------------------------------------------------------------------------------------------


def test_a_failure_is_told_wherever_one_is_until_it_is_dismissed(page: Any, server: WebServer) -> None:
    number = server.behind("answer = begin()")
    toasts = toast(page, number)
    page.goto(f"{server.url}/clusters")
    server.behind(f"end({number}, 'rolling_back', 'rolled_back', reason='web exited with 1.')")
    expect(toasts).to_have_count(1)
    expect(toasts).to_contain_text("was rolled back")
    expect(toasts).to_contain_text("web exited with 1.")
    assert focused(page) == "BODY", "it took the focus"
    page.goto(f"{server.url}/help/words")  # it goes with one, and is not told again
    expect(toasts).to_have_count(1)
    toasts.get_by_role("button").click()
    expect(toasts).to_have_count(0)
    page.reload()
    wait_for_kept(page, "told", f"shop.{number}")
    expect(toasts).to_have_count(0)


def test_the_page_of_a_rollout_has_no_toast_and_others_have(page: Any, server: WebServer) -> None:
    number = server.behind("answer = begin()")
    page.goto(f"{server.url}/apps/shop/rollouts/{number}")
    expect(page.locator("#rollout-head .pill")).to_have_text(re.compile("Rolling"))
    server.behind(f"end({number}, 'succeeded')")
    expect(page.locator("#rollout-head .pill")).to_have_text(re.compile("Succeeded"))
    wait_for_kept(page, "told", f"shop.{number}")
    expect(toast(page, number)).to_have_count(0)


def test_a_lost_connection_is_told_calmly_and_what_ended_meanwhile_still_comes(page: Any, server: WebServer) -> None:
    number = server.behind("answer = begin()")
    page.goto(f"{server.url}/apps/shop/env")
    wait_for_kept(page, "watched", f"shop.{number}")
    page.goto(f"{server.url}/apps/shop")
    notice = page.locator("#connection")
    expect(notice).to_have_text("")
    server.kill()
    expect(notice).to_have_text(re.compile("The connection is lost"))
    page.evaluate("""() => {
        const notice = document.getElementById("connection");
        window.said = [];
        new MutationObserver(() => said.push(notice.textContent)).observe(notice, { childList: true });
    }""")
    server.behind(f"end({number}, 'succeeded')")
    later = server.behind("answer = begin()")
    server.behind(f"end({later}, 'rolling_back', 'failed', reason='The restore failed.')")
    server.start()
    page.wait_for_function("() => said.includes('Back again.')")  # for some seconds only
    expect(notice).to_have_text("")
    expect(toast(page, later)).to_contain_text("The restore failed.")
    wait_for_kept(page, "told", f"shop.{number}")
    toast(page, later).get_by_role("link").click()
    page.wait_for_url(f"{server.url}/apps/shop/rollouts/{later}")
    expect(toast(page, later)).to_have_count(0)


# --- Size -------------------------------------------------------------------------------------------------------------


def test_nothing_sticks_out_of_a_phone(page: Any, server: WebServer) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    for path in ("/", "/apps/shop", "/find?q=shop", "/help/words", "/nothing/here"):
        page.goto(server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.get_by_role("link", name="Find").click()
    expect(page.get_by_role("combobox")).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_first_page_is_light(tab: Any, server: WebServer) -> None:
    """All that comes over the wire, with nothing in the browser's cache."""
    context = tab.context.browser.new_context(storage_state=tab.context.storage_state())
    page = context.new_page()
    weighing = context.new_cdp_session(page)
    weighing.send("Network.enable")
    weighed: list[float] = []
    weighing.on("Network.loadingFinished", lambda event: weighed.append(event["encodedDataLength"]))
    page.goto(server.url, wait_until="networkidle")
    context.close()
    assert len(weighed) > 3 and sum(weighed) < 150_000, sum(weighed)
