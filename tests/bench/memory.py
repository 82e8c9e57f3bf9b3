"""Proportional memory of all processes of a house, without and with apps."""

from collections import defaultdict
from pathlib import Path

from tests.bench.figures import show, title
from tests.journeys import sources
from tests.journeys.house import House

APPS = 2


def measure(house: House, folder: Path) -> None:
    title("Memory of all processes (PSS)")
    _show(house, "with what the house holds now")
    for number in range(APPS):
        house.app(f"memory-{number}").deployed(sources.serving(folder / str(number), "v1"))
    by_role = _show(house, f"with {APPS} more apps of 2 processes")
    for role, size in sorted(by_role.items(), key=lambda entry: -entry[1]):
        show(f"  {role}", f"{size:.0f} MB")


def _show(house: House, words: str) -> dict[str, float]:
    """MiB by role."""
    by_role: dict[str, float] = defaultdict(float)
    for process in house.processes():
        by_role[process.role] += process.memory()
    show(words, f"{sum(by_role.values()):.0f} MB", target="600 MB")
    return by_role
