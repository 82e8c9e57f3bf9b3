"""Many who follow one log over the API while it is written: what each gets, and how soon."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.figures import percentile, show, title
from tests.bench.wire import Wire, get
from tests.journeys.house import ROOT, House

FOLLOWERS = 200
# A build that talks as much as a busy one does, as its worker writes it down: some lines every so often.
LINES, BATCH, PAUSE = 3_000, 10, 0.05
# Each line says when it was about to be written, by the clock that all programs of a machine have in common.
WRITE = """
import time
from datetime import timedelta
from django.utils import timezone
from releases import logs
from releases.models import App, Build
app = App.objects.get(name="followed")
alive = dict(taken=True, started_at=timezone.now(), heartbeat=timezone.now() + timedelta(hours=1))
build = Build.objects.create(app=app, status="running", by_label="bench", **alive)
print(build.pk, flush=True)
input()
text = "%.6f Collecting example-package>=1.2.3 (from -r requirements.txt)"
due = time.monotonic()
for first in range(0, {lines}, {batch}):
    logs.append(build, [logs.Line("build", text % time.monotonic()) for _ in range({batch})])
    due += {pause}
    time.sleep(max(0, due - time.monotonic()))
build.transition("succeeded")
logs.nudge(logs.topic(build.owner))
logs.flush()
"""
# The moment at which a piece of the answer was there, and the piece.
Heard = list[tuple[float, bytes]]


def measure(house: House, folder: Path) -> None:
    title(f"{FOLLOWERS} followers of one log over the API; {BATCH} lines every {1000 * PAUSE:.0f} ms")
    house.app("followed")
    words = WRITE.format(lines=LINES, batch=BATCH, pause=PAUSE)
    program = [sys.executable, "manage.py", "shell", "-v", "0", "-c", words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(program, cwd=ROOT, env=house.environment, **pipes) as writer:
        build = writer.stdout.readline().strip()
        request = get(f"/apps/followed/builds/{build}/log?follow=true", house.token)
        heard = asyncio.run(_follow(house.port, request, writer))
    whole, delays = 0, []
    for pieces in heard:
        numbers, late = _lines(pieces)
        whole += numbers == list(range(1, LINES + 1))
        delays += late
    show(f"got all {LINES:,} lines, each once and in order", f"{whole} of {FOLLOWERS}", target="all")
    show("a line written → a follower has it, p50", f"{1000 * percentile(delays, 50):.0f} ms")
    show("p95", f"{1000 * percentile(delays, 95):.0f} ms", target="500 ms")
    show("the slowest", f"{1000 * max(delays, default=0):.0f} ms")


async def _follow(port: int, request: bytes, writer: subprocess.Popen[str]) -> list[Heard]:
    """Begins to write when everybody is there: each answer begins with a blank line."""
    there = asyncio.Barrier(FOLLOWERS + 1)

    async def follower() -> Heard:
        wire, heard = await Wire.to(port), []
        pieces = wire.pieces(request)
        heard.append((time.monotonic(), await anext(pieces)))
        await there.wait()
        async for piece in pieces:
            heard.append((time.monotonic(), piece))
        wire.close()
        return heard

    async def begin() -> None:
        await there.wait()
        assert writer.stdin
        writer.stdin.write("\n")
        writer.stdin.flush()

    *heard, _ = await asyncio.gather(*(follower() for _ in range(FOLLOWERS)), begin())
    return heard


def _lines(heard: Heard) -> tuple[list[int], list[float]]:
    """The numbers of the lines, and after how many seconds each was there: with the piece that ends it."""
    numbers, delays, begun = [], [], b""
    for moment, piece in heard:
        *lines, begun = (begun + piece).split(b"\n")
        for line in map(json.loads, filter(None, lines)):
            numbers.append(line["number"])
            delays.append(moment - float(line["message"].split()[0]))
    return numbers, delays
