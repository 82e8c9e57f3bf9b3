"""Requests lost while a rolling update goes on under steady load, and how long the others took."""

from pathlib import Path

from tests.bench.figures import percentile, show, title
from tests.journeys import sources
from tests.journeys.house import House
from tests.journeys.load import CONNECTIONS, Load

ROUNDS = 5


def measure(house: House, folder: Path) -> None:
    title(f"{ROUNDS} rolling updates of 3 processes under {CONNECTIONS} kept-alive connections")
    app = house.app("update")
    releases = [app.deployed(sources.serving(folder / version, version, count=3)) for version in ("v1", "v2")]
    with Load(house.door_port, app.host) as load:
        for number in range(ROUNDS):
            app.ended(app.promote(releases[number % 2]))
    show("requests answered", f"{load.answered:,}")
    show("requests lost", str(len(load.lost)), target="0")
    for words in sorted(set(load.lost))[:5]:
        print(f"    {load.lost.count(words)} x {words}")
    show("p50", f"{1000 * percentile(load.seconds, 50):.1f} ms")
    show("p95", f"{1000 * percentile(load.seconds, 95):.1f} ms")
    show("slowest", f"{1000 * max(load.seconds, default=0):.0f} ms")
