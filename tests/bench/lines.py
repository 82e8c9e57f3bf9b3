"""Lines of a build log per second into the database, beside everything that runs."""

from pathlib import Path

from tests.bench.figures import show, title
from tests.journeys.house import House

LINES, BATCH = 200_000, 2_000
APPEND = """
import time
from releases import logs
from releases.models import App, Build
app = App.objects.get(name="lines")
build = Build.objects.create(app=app, status="succeeded", by_label="bench")
text = "Collecting example-package>=1.2.3 (from -r requirements.txt (line %d))"
begun = time.monotonic()
for first in range(0, {lines}, {batch}):
    logs.append(build, [logs.Line("build", text % number) for number in range(first, first + {batch})])
seconds = time.monotonic() - begun
build.refresh_from_db()
assert build.last_line == {lines}
print({lines} / seconds)
"""


def measure(house: House, folder: Path) -> None:
    title(f"{LINES:,} lines of a build log, through logs.append in batches of {BATCH:,}")
    house.app("lines")
    printed = house.manage("shell", "-v", "0", "-c", APPEND.format(lines=LINES, batch=BATCH))
    show("into the database", f"{float(printed.split()[-1]):,.0f} lines/s", target="20,000 lines/s")
