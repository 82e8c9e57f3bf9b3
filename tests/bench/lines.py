"""Lines of a build log per second into the database, and on to a browser, beside everything that runs."""

import json
import subprocess
import sys
import time
from pathlib import Path

from websockets.sync.client import ClientConnection

from tests.bench.figures import show, title
from tests.journeys.doors import Session
from tests.journeys.house import ROOT, House

LINES, BATCH = 200_000, 2_000
TARGET = "20,000 lines/s"
# Waits for a word before it begins, and says when it did: its readers are there by then.
APPEND = """
import time
from datetime import timedelta
from django.utils import timezone
from releases import logs
from releases.models import App, Build
app = App.objects.get(name="lines")
alive = dict(taken=True, started_at=timezone.now(), heartbeat=timezone.now() + timedelta(hours=1))
build = Build.objects.create(app=app, status="running", by_label="bench", **alive)
print(build.pk, flush=True)
input()
text = "Collecting example-package>=1.2.3 (from -r requirements.txt (line %d))"
begun = time.monotonic()
for first in range(0, {lines}, {batch}):
    logs.append(build, [logs.Line("build", text % number) for number in range(first, first + {batch})])
seconds = time.monotonic() - begun
build.refresh_from_db()
assert build.last_line == {lines}
build.transition("succeeded")
logs.nudge(logs.topic(build.owner))
logs.flush()
print(begun, seconds)
"""


def measure(house: House, folder: Path) -> None:
    title(f"{LINES:,} lines of a build log, through logs.append in batches of {BATCH:,}")
    house.app("lines")
    session = house.session()
    _, seconds = _written(house, None)
    show("into the database", f"{LINES / seconds:,.0f} lines/s", target=TARGET)
    delivered, _ = _written(house, session)
    show("to a browser, while they are written", f"{LINES / delivered:,.0f} lines/s", target=TARGET)


def _written(house: House, reader: Session | None) -> tuple[float, float]:
    """Seconds from the first line on: until `reader` has all, each once and in order; until all are stored."""
    words = [sys.executable, "manage.py", "shell", "-v", "0", "-c", APPEND.format(lines=LINES, batch=BATCH)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env=house.environment, **pipes) as writer:
        build = writer.stdout.readline().strip()
        ended = 0.0
        if reader is None:
            writer.stdin.write("\n")
            writer.stdin.flush()
        else:
            with reader.websocket(f"/ws/logs/build/{build}?after=0") as socket:
                writer.stdin.write("\n")
                writer.stdin.flush()
                lines, ended = read_whole(socket)
                assert lines == LINES
        begun, seconds = map(float, writer.stdout.read().split())
    return ended - begun, seconds


def read_whole(socket: ClientConnection) -> tuple[int, float]:
    """All frames of a log, as its page reads them: how many lines, and the moment when the last of them was there."""
    last, ended = 0, 0.0
    while True:
        frame = json.loads(socket.recv(timeout=60))
        for line in frame["lines"]:
            assert line["number"] == last + 1, f"line {line['number']} came after line {last}"
            last = line["number"]
        if frame["lines"]:
            ended = time.monotonic()
        if frame["finished"]:
            return last, ended
