"""The log of a build that never stops talking: bounded in memory and on disk, whatever it says."""

import tracemalloc

import pytest
from django.db.models import Count, Sum
from django.db.models.functions import Length
from django.utils import timezone

from releases.clients.images.lines import Lines
from releases.clients.images.side_by_side import side_by_side
from releases.models import LogLine
from releases.pipeline.build_log import LAST_LINES, BuildLog
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024**2
PIECE = 64 * 1024


@pytest.fixture
def build(app):
    return factories.build(app, status="running", started_at=timezone.now())


@pytest.mark.parametrize(
    "piece", ["x" * PIECE, f"{'all work and no play ' * 700}\n" * 4], ids=["one line", "many lines"]
)
def test_a_gigabyte_costs_no_more_than_the_limit(build, settings, piece):
    """As from a step that prints it: taken apart by one thread, stored by another. Not with an engine, which alone
    would need a minute for so much."""
    settings.BUILD_LOG_MAX_BYTES = 4 * MIB

    def talk(work):
        lines = Lines()
        for _ in range(1024 * MIB // len(piece)):
            work.say(*lines.take(piece))
        work.say(*lines.end(), "the last word")

    log = BuildLog(build)
    tracemalloc.start()
    try:
        side_by_side([talk], limit=1, say=log.say, check=log.check)
        log.close()
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    mine = LogLine.objects.filter(owner=build.owner)
    stored = mine.aggregate(lines=Count("id"), size=Sum(Length("message")))
    longest = max(map(len, mine.values_list("message", flat=True)))
    assert stored["size"] < 4 * MIB + (LAST_LINES + 1) * longest
    assert stored["lines"] == build.last_line
    assert highest < 64 * MIB, f"{highest / MIB:.0f} MiB at once"
    said = list(mine.order_by("number").values_list("message", flat=True))
    cut = next(number for number, line in enumerate(said) if line.startswith("The log has reached 4.0 MB"))
    left_out = int(said[cut + 1].split()[1].replace(",", ""))
    assert said[-1] == "the last word" and len(said) == cut + 2 + LAST_LINES
    assert cut + left_out + LAST_LINES > 1024 * MIB // 17_000, "lines were lost without a word"
