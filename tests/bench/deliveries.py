"""GitHub at its busiest: signed pushes at a steady rate, how soon each is answered, and what became of all of them."""

import asyncio
import sqlite3
import time
import uuid
from pathlib import Path

from tests import github_payloads
from tests.bench.figures import percentile, show, title
from tests.bench.wire import Wire
from tests.journeys.house import House
from tests.journeys.waiting import until

RATE, SECONDS, APPS = 200, 10, 20
LINES = 64  # open connections
COMMITS = 20  # of a push, which makes some 12 KB


def measure(house: House, folder: Path) -> None:
    title(f"{RATE} deliveries a second for {SECONDS} s, over {APPS} apps")
    secrets = {}
    for number in range(APPS):
        app = house.app(f"pushed-{number}")
        answer = house.api.put(f"/apps/{app.name}/source", json={"url": "https://github.com/ada/engine.git"})
        secrets[app.name] = answer.raise_for_status().json()["webhook_secret"]
    sent = [_request(number, secrets) for number in range(RATE * SECONDS)]
    answers = asyncio.run(_send(house.port, sent))
    seconds = [took for _, took in answers]
    kept = sum(status == 202 for status, _ in answers)
    show("answered 202", f"{kept} of {len(sent)}", target="all")
    show("answered, p50", f"{1000 * percentile(seconds, 50):.0f} ms")
    show("answered, p95", f"{1000 * percentile(seconds, 95):.0f} ms", target="100 ms")
    show("answered, the slowest", f"{1000 * max(seconds):.0f} ms")
    begun = time.monotonic()
    until(lambda: _count(house, "status = 'received'") == 0, "all handled", seconds=120)
    show("all handled after the last was sent", f"{time.monotonic() - begun:.1f} s")
    show("handled", f"{_count(house, 'status = ' + repr('handled'))} of {len(sent)}", target="all")
    show("handled twice", str(len(sent) - _distinct(house)), target="0")


def _request(number: int, secrets: dict[str, str]) -> bytes:
    """To another branch than the app's: what is measured is the inbox, not the builds."""
    name = f"pushed-{number % APPS}"
    payload = github_payloads.push(f"{number:040x}", ref="refs/heads/other", commits=COMMITS)
    body, headers = github_payloads.delivery(secrets[name], "push", payload, guid=str(uuid.UUID(int=number)))
    lines = [f"POST /hooks/github/{name} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{header}: {value}" for header, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _send(port: int, sent: list[bytes]) -> list[tuple[int, float]]:
    """Each at its time, whether those before were answered or not. Status, and seconds since it was due."""
    answers: list[tuple[int, float]] = []
    begun = time.monotonic() + 1

    async def line(first: int) -> None:
        wire = await Wire.to(port)
        for number in range(first, len(sent), LINES):
            due = begun + number / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            answer = await wire.ask(sent[number])
            answers.append((answer.status, time.monotonic() - due))
        wire.close()

    await asyncio.gather(*map(line, range(LINES)))
    return answers


def _count(house: House, where: str) -> int:
    with sqlite3.connect(house.home / "deployer.sqlite3") as database:
        return database.execute(f"SELECT count(*) FROM releases_delivery WHERE {where}").fetchone()[0]


def _distinct(house: House) -> int:
    with sqlite3.connect(house.home / "deployer.sqlite3") as database:
        return database.execute("SELECT count(DISTINCT guid) FROM releases_delivery WHERE times = 1").fetchone()[0]
