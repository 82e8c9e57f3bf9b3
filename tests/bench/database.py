"""The same figures on PostgreSQL, which is as careful here as in production: it waits for the disk."""

from pathlib import Path

from tests import postgres
from tests.bench import lines, promote
from tests.bench.figures import title
from tests.journeys.house import House

CAREFUL = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def measure(house: House, folder: Path) -> None:
    """In a house of its own, beside `house`, which is idle."""
    postgres.install()
    if postgres.find() is None:
        title(f"PostgreSQL: {postgres.why_not()}")
        return
    with postgres.Server(**CAREFUL) as server:
        other = House(folder / "house", database=server.url())
        try:
            other.start()
            title("On PostgreSQL")
            lines.measure(other, folder / "lines")
            promote.measure(other, folder / "promote")
        finally:
            other.remove()
