"""Processes that are well until they are told otherwise, from outside: by a file with Python in it."""

from pathlib import Path
from typing import Any

from tests.journeys import sources

FEELS = """
import os, sys, threading, time

def feel():
    while True:
        if os.path.exists(sys.argv[1]):
            exec(open(sys.argv[1]).read(), globals())
        time.sleep(0.05)

threading.Thread(target=feel, daemon=True).start()
"""
SERVES = FEELS + sources.SERVER.format(version="moody", health="200 OK")
STAYS = f"print('working', flush=True)\n{FEELS}\ntime.sleep(3600)\n"
SICK = "HEALTH = '500 Internal Server Error'"
# That one who is told to be ill answers so at once; a well one on a slow machine may take its time.
CHECK = {"interval": 1, "timeout": 20, "grace": 0}


def service(folder: Path, name: str, program: str = "stays", **more: Any) -> dict[str, Any]:
    """One process; `program`: serves or stays."""
    return {
        "build": ".",
        "command": [*sources.PYTHON, f"{program}.py", str(folder / name)],
        "scale": {"count": 1, "cpu": 20, "memory": 32},
        "termination": {"grace": 1},
        "deployment": {"verify": 0},
        **more,
    }


def source(folder: Path, services: dict[str, dict[str, Any]]) -> Path:
    return sources.write(folder, {"services": services}, {"serves.py": SERVES, "stays.py": STAYS})
