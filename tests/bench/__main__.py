"""`python -m tests.bench [PART…] [--kills N] [--seed S]`: measures in a fresh house of its own, and prints."""

import argparse
import logging
import random
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import (
    api,
    builds,
    cluster,
    command,
    crowd,
    database,
    deliveries,
    diagnosis,
    doom,
    events,
    first_screen,
    followers,
    kills,
    lines,
    memory,
    pages,
    promote,
    update,
)
from tests.bench.figures import show
from tests.journeys.house import House

Part = Callable[[House, Path], None]


def main() -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    parts: dict[str, Part] = {
        "memory": memory.measure,
        "promote": promote.measure,
        "doom": doom.measure,
        "events": events.measure,
        "lines": lines.measure,
        "builds": builds.measure,
        "deliveries": deliveries.measure,
        "database": database.measure,
        "update": update.measure,
        "cluster": cluster.measure,
        "command": command.measure,
        "api": api.measure,
        "followers": followers.measure,
        "crowd": crowd.measure,
        "pages": pages.measure,
        "screen": first_screen.measure,
        "diagnosis": diagnosis.measure,
    }
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(parts)}, kills; all, if none is named")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="how many deploys lose their workers")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments of the kills")
    wanted = parser.parse_args()
    parts["kills"] = partial(kills.measure, kills=wanted.kills, seed=wanted.seed)
    unknown = set(wanted.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    run({name: parts[name] for name in wanted.parts or parts})


def run(parts: dict[str, Part]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="deployer-bench-"))
    house = House(folder)
    try:
        show("a first start, until ready", f"{house.start():.1f} s", target="8 s")
        for name, measure in parts.items():
            measure(house, folder / "sources" / name)
    finally:
        house.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
