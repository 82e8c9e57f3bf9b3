"""How long it takes until the command says something."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.figures import show, title
from tests.journeys.house import House
from tests.web_server import ROOT

TIMES = 20
# With what they may take at most.
PROGRAMS = {"--help": "300 ms", "releases --help": "300 ms", "apps -q": ""}


def measure(house: House, folder: Path) -> None:
    title(f"The command, each {TIMES} times")
    for words, target in PROGRAMS.items():
        seconds = sorted(_seconds(house, words.split()) for _ in range(TIMES))
        figures = [f"{value * 1000:.0f}" for value in (seconds[0], median(seconds), seconds[-1])]
        show(f"deployer {words}: wall time, min / median / max", f"{' / '.join(figures)} ms", target=target)


def _seconds(house: House, arguments: list[str]) -> float:
    """As installed: by the script beside this Python."""
    program = Path(sys.executable).with_name("deployer")
    begun = time.monotonic()
    subprocess.run([str(program), *arguments], cwd=ROOT, env=house.user, check=True, capture_output=True)
    return time.monotonic() - begun
