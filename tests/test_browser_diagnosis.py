"""A diagnosis in a browser: what one reads there stays open and focused while the cluster says something new."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests import listed
from tests.browsing import a_tab, expect
from tests.certificates import Authority, kubeconfig
from tests.odd_server import OddServer, kubernetes
from tests.web_server import WebServer

pytestmark = pytest.mark.browser
# The app's active release, and where it lives.
STORY = """
from tests.pages_world import make_world
w = make_world("shop")
Cluster.objects.filter(pk=w.app.cluster_id).update(kind="kubeconfig", kubeconfig={kubeconfig!r})
answer = [w.active.pk, w.app.namespace, w.app.cluster.kind]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[OddServer]:
    authority = Authority()
    with kubernetes(authority) as made:
        made.access = kubeconfig(made.url, authority=authority.certificate, token="t")  # type: ignore[attr-defined]
        yield made


@pytest.fixture(scope="module")
def server(browser: Any, cluster: OddServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    made = WebServer(tmp_path_factory.mktemp("diagnosis"))
    made.start()
    yield made
    made.close()


def release(server: WebServer, cluster: OddServer) -> Any:
    """As much of the active one as its objects are written from."""
    pk, namespace, _ = server.behind(STORY.format(kubeconfig=cluster.access))  # type: ignore[attr-defined]
    return SimpleNamespace(pk=pk, app=SimpleNamespace(name="shop", namespace=namespace))


def test_what_is_open_and_focused_stays_so_while_the_cluster_says_something_new(
    server: WebServer, cluster: OddServer, browser: Any
) -> None:
    active = release(server, cluster)
    fails = listed.pod(active, 1, **listed.crashed())
    listed.serve(cluster, active.app, listed.running(active, fails, ready=0))
    listed.log(cluster, active.app, "web-1-00001", "connecting\nKeyError: 'QUEUE_URL'\n", previous=True)
    page = a_tab(browser, server, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{server.url}/apps/shop/processes")
    page.get_by_role("link", name="Diagnose", exact=True).click()

    finding = page.get_by_role("article").filter(has_text="KeyError")
    shows = finding.get_by_text("What shows it")
    expect(finding).to_contain_text("web-1-00001")
    shows.focus()
    page.keyboard.press("Enter")
    expect(finding.get_by_role("region", name="Log of web-1-00001")).to_contain_text("connecting")

    other = listed.pod(active, 2, **listed.crashed(restarts=7))
    listed.log(cluster, active.app, "web-1-00002", "connecting\nKeyError: 'QUEUE_URL'\n", previous=True)
    listed.serve(cluster, active.app, listed.running(active, other, ready=0))
    expect(finding.get_by_role("region", name="Log of web-1-00002")).to_be_visible()
    expect(shows).to_be_focused()

    finding.get_by_role("button", name="Copy").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announcement")).to_have_text("Copied.")
    command = finding.locator("code.command").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == command and command.startswith("deployer ")
    page.get_by_role("button", name="Copy as text").click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('web-1-00002'))")

    listed.serve(cluster, active.app, listed.running(active, listed.pod(active)))
    expect(finding).to_have_count(0)
    expect(page.locator("#announcement")).not_to_have_text("Copied.")
