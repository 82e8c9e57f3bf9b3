"""The processes that belong to a house, as /proc tells of them."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# What a process is for, by what its command line holds. The first that fits counts.
ROLES = {
    "supervisor": "deployer.up",
    "web": "uvicorn",
    "builds": "manage.py work builds",
    "rollouts": "manage.py work rollouts",
    "reaper": "manage.py reaper",
    "setup": "manage.py setup",
    "cluster": "-m localcluster",
    "redis": "valkey-server",
    "shim": "/shim.py",
}
WORKERS = ("builds", "rollouts")


@dataclass(frozen=True)
class Process:
    """`role`: one of ROLES, or "app" for what was deployed."""

    pid: int
    role: str
    command: str

    def kill(self, number: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def memory(self) -> float:
        """Its proportional share of memory (PSS), in MiB; 0 once it has ended."""
        try:
            rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        except OSError:
            return 0.0
        return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def processes_of(home: Path) -> list[Process]:
    """Every process that was started for this home, or that works in it: children's children, too."""
    return [process for entry in Path("/proc").iterdir() if entry.name.isdigit() for process in _look(entry, home)]


def runs_for(process: Process, app: str) -> bool:
    """Whether this process was started for that app."""
    try:
        variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"DEPLOYER_APP={app}".encode() in variables


def _look(entry: Path, home: Path) -> Iterator[Process]:
    mark = os.fsencode(home)
    try:
        command = (entry / "cmdline").read_bytes()
        place = os.fsencode(os.readlink(entry / "cwd"))
        ours = mark in (entry / "environ").read_bytes() or mark in command or place.startswith(mark)
    except OSError:  # it has just ended, or is somebody else's
        return
    if command and ours and int(entry.name) != os.getpid():
        words = command.replace(b"\0", b" ").decode(errors="replace").strip()
        yield Process(int(entry.name), next((role for role, mark in ROLES.items() if mark in words), "app"), words)
