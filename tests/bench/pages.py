"""Every page of the dashboard with 200 apps and 100,000 releases: its first byte, its weight, its queries."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.bench.figures import percentile, show, title
from tests.journeys import sources
from tests.journeys.doors import Session
from tests.journeys.house import House

APP = "app"
APPS, RELEASES, BIGGEST, ENTRIES = 200, 100_000, 5_000, 200_000
REQUESTS = 40
FIRST_BYTE_MS, WEIGHT_KB = 100, 150
ASSETS = re.compile(r'(?:<link[^>]+href|<script[^>]+src|<img[^>]+src)="(/[^"]+)"')

# What an address is filled with, by the name of its parameter; and the addresses that are no page, by URL name.
NO_PAGE = re.compile(r"api|healthz|readyz|.*-(csv|log|lines|raw|search)$")
# What pages are asked beside: filters and words make the database work.
ASKED = {
    "history": ["?outcome=failed", "?person=person-3&days=30", "?q=checkout", "?q=nothing+like+it", "?list=releases"],
    "app-releases": ["?outcome=failed", "?q=nothing+like+it", "?list=rollouts"],
    "activity": ["?kind=promotes", "?kind=access", "?person=push", "?q=nothing+like+it"],
    "apps": ["?q=app-1"],
}


def measure(house: House, folder: Path) -> None:
    """In a house of its own: so long a history would weigh on all other parts."""
    crowded = House(folder / "house")
    try:
        crowded.start()
        app = crowded.app(APP)
        app.deployed(sources.serving(folder / "source", "v1"))
        few = _queries(crowded)
        begun = time.monotonic()
        numbers = f"apps={APPS}, releases={RELEASES}, biggest={BIGGEST}, entries={ENTRIES}"
        words = f"from tests.bench import crowded; crowded.write({APP!r}, {numbers})"
        crowded.manage("shell", "-v", "0", "-c", words, seconds=3600)
        title(f"The pages, with {APPS} apps and {RELEASES:,} releases (made in {time.monotonic() - begun:.0f} s)")
        _ask_all(crowded, _queries(crowded), few)
    finally:
        crowded.remove()


def _ask_all(house: House, many: dict[str, int], few: dict[str, int]) -> None:
    session = house.session()
    for name, address in addresses(house):
        if not address:
            show(name, "not asked")
            continue
        for asked in ["", *ASKED.get(name, [])]:
            _show(session, f"{name} {asked}".strip(), address + asked)
        if few.get(name) is not None and many.get(name) is not None:
            words = f"{many[name]}" + ("" if few[name] == many[name] else f", {few[name]} with few rows")
            show(f"{name}: queries", words, target="the same")


def _show(session: Session, name: str, address: str) -> None:
    """What answers with no page says so: a page that needs something else than a name is told."""
    answer = session.http.get(address, follow_redirects=False)
    if answer.status_code != 200:
        show(name, f"HTTP {answer.status_code}")
        return
    times = [_first_byte(session.http, address) for _ in range(REQUESTS)]
    show(f"{name}: first byte, p50", f"{percentile(times, 50):.0f} ms")
    show(f"{name}: first byte, p95", f"{percentile(times, 95):.0f} ms", target=f"{FIRST_BYTE_MS} ms")
    weight = sum(_weight(session.http, asset) for asset in [address, *assets_of(answer.text)])
    show(f"{name}: a first visit", f"{weight / 1000:.0f} KB", target=f"{WEIGHT_KB} KB")


def _first_byte(client: httpx.Client, address: str) -> float:
    """Milliseconds from the request to the head of the answer."""
    begun = time.monotonic()
    with client.stream("GET", address) as answer:
        taken = 1000 * (time.monotonic() - begun)
        answer.read()
    return taken


def assets_of(html: str) -> list[str]:
    """What a browser fetches for a page beside it."""
    return list(dict.fromkeys(ASSETS.findall(html)))


def _weight(client: httpx.Client, address: str) -> int:
    """Bytes over the wire, head and body, as they are sent to a browser."""
    with client.stream("GET", address, headers={"Accept-Encoding": "br, gzip"}) as answer:
        body = sum(len(chunk) for chunk in answer.iter_raw())
        return body + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)


def addresses(house: House) -> Iterator[tuple[str, str]]:
    """URL name and address of each page that `releases.urls` names, so that none is forgotten; "" for the address of
    one that needs more than there is here."""
    for line in house.manage("shell", "-v", "0", "-c", PAGES.format(app=APP, no_page=NO_PAGE.pattern)).splitlines():
        name, _, address = line.partition(" ")
        yield name, urlsplit(address).path


def _queries(house: House) -> dict[str, int]:
    """By URL name: how often the page of it asks the database. Counted beside the server, with the same code."""
    code = PAGES.format(app=APP, no_page=NO_PAGE.pattern) + QUERIES
    lines = house.manage("shell", "-v", "0", "-c", code, seconds=300).splitlines()
    return {name: int(count) for name, _, count in (line.partition("=") for line in lines) if count}


# Runs in `manage.py shell`: prints URL name and address of each page, of the app's newest of everything.
PAGES = """
import re
from django.urls import NoReverseMatch, reverse
from releases.models import App, Person, Registry
from releases.urls import urlpatterns
app = App.objects.get(name="{app}")
rollout = app.rollouts.order_by("-number").first()
release = app.active_release
given = dict(name=app.name, number=rollout.number, release_id=release.pk, build_id=release.build_id,
    cluster_name=app.cluster.name, service="web", person_id=Person.objects.earliest("pk").pk,
    registry_name=Registry.objects.get_or_create(name="hub", address="registry.example.com")[0].name)
pages = []
for pattern in urlpatterns:
    view = getattr(pattern, "callback", None)
    if getattr(pattern, "name", None) is None or re.fullmatch(r"{no_page}", pattern.name):
        continue
    inner = view
    while inner is not None and not getattr(inner, "is_page", False):
        inner = getattr(inner, "__wrapped__", None)
    wanted = pattern.pattern.converters
    if inner is not None:
        known = set(wanted) <= set(given)
        filled = {{key: given[key] for key in wanted if known}}
        pages.append((pattern.name, reverse(pattern.name, kwargs=filled) if known else ""))
for name, address in pages:
    print(name, address)
"""
QUERIES = """
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from releases.models import Person
client = Client(SERVER_NAME="127.0.0.1")
client.force_login(Person.objects.filter(role="administrator").first())
for name, address in pages:
    if not address:
        continue
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    print(f"{name}={len(asked)}")
"""
