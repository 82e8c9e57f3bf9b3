"""The API with a short history and with a long one: how much it answers, and how soon."""

import asyncio
import time
from pathlib import Path

from tests.bench.figures import percentile, show, title
from tests.bench.wire import Wire, get
from tests.journeys import sources
from tests.journeys.house import House

SHORT, LONG = 100, 100_000
TARGET = 1.2
# Of each call: so many rounds, each with so many requests by so many at once to the one house, then to the other.
ROUNDS, REQUESTS, HANDS = 30, 20, 4
OTHER_APPS = 20
APP = "busy"
# The five that programs ask most: the apps for each page of a dashboard and each completion of a name; an app for
# each command that begins with where it stands; a build and a rollout before and after each log that is followed, and
# by every script that waits for the end of one; the releases by whoever looks for the one to promote or go back to.
BUSIEST = {
    "apps": "/apps",
    "an app": "/apps/{app}",
    "releases": "/apps/{app}/releases",
    "a rollout": "/apps/{app}/rollouts/{rollout}",
    "a build": "/apps/{app}/builds/{build}",
}
# Asked less often; a long history would weigh on these before all others.
BESIDE = {
    "a release": "/apps/{app}/releases/{release}",
    "builds": "/apps/{app}/builds?limit=20",
    "rollouts": "/apps/{app}/rollouts",
    "releases, from their middle on": "/apps/{app}/releases?cursor={release}",
    "releases that failed": "/apps/{app}/releases?status=failed&limit=10",
    "variables": "/apps/{app}/env",
}


class Figures:
    """Of one call to one house."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.seconds = 0.0

    @property
    def rate(self) -> float:
        return len(self.times) / self.seconds

    @property
    def p95(self) -> float:
        """In milliseconds."""
        return 1000 * percentile(self.times, 95)


def measure(house: House, folder: Path) -> None:
    """In two houses of their own: in one, what reads a whole table would be as slow for both apps. They are asked in
    turns, so that whatever else this machine does hits both alike."""
    short, long = (House(folder / name, API_REQUESTS_PER_MINUTE="0") for name in ("short", "long"))
    try:
        calls = [_settle(short, folder / "app", SHORT), _settle(long, folder / "app", LONG)]
        title(f"The API, {HANDS} at once: requests/s and p95 with {SHORT} releases, with {LONG:,}, p95 as a multiple")
        for name in [*BUSIEST, *BESIDE]:
            _show(name, *asyncio.run(_compare([short, long], [paths[name] for paths in calls])))
    finally:
        for each in (short, long):
            each.remove()


def _settle(house: House, source: Path, releases: int) -> dict[str, str]:
    """An app that runs, with so many releases in its past. Gives the path of each call."""
    house.start()
    for number in range(OTHER_APPS):
        house.app(f"other-{number}")
    app = house.app(APP)
    app.deployed(sources.serving(source, "v1"))
    words = f"from tests.bench import history; history.write({APP!r}, {releases - 1})"
    house.manage("shell", "-v", "0", "-c", words, seconds=600)
    middle = app.get(f"/rollouts/{releases // 2}")
    release = app.get(f"/releases/{middle['release']}")
    names = {"app": APP, "rollout": middle["number"], "release": release["id"], "build": release["build"]}
    return {name: path.format(**names) for name, path in (BUSIEST | BESIDE).items()}


async def _compare(houses: list[House], paths: list[str]) -> list[Figures]:
    requests = [get(path, house.token) for house, path in zip(houses, paths, strict=True)]
    wires = [[await Wire.to(house.port) for _ in range(HANDS)] for house in houses]
    found = [Figures(), Figures()]
    for number in range(ROUNDS + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            # What the first round finds is not counted: the server may have to get ready.
            await _block(wires[which], requests[which], found[which] if number else Figures())
    for wire in wires[0] + wires[1]:
        wire.close()
    return found


async def _block(wires: list[Wire], request: bytes, figures: Figures) -> None:
    async def hand(wire: Wire) -> None:
        for _ in range(REQUESTS // HANDS):
            begun = time.monotonic()
            answer = await wire.ask(request)
            figures.times.append(time.monotonic() - begun)
            assert answer.status == 200, answer

    begun = time.monotonic()
    await asyncio.gather(*map(hand, wires))
    figures.seconds += time.monotonic() - begun


def _show(name: str, short: Figures, long: Figures) -> None:
    rates = f"{short.rate:,.0f}/s {short.p95:.0f} ms | {long.rate:,.0f}/s {long.p95:.0f} ms"
    show(f"{name}: {rates}", f"{long.p95 / short.p95:.2f}", target=f"{TARGET}" if name in BUSIEST else "")
