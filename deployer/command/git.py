"""Ask git about a folder."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SECONDS = 20


@dataclass(frozen=True)
class Commit:
    """`dirty`: the folder has changes that are in no commit."""

    id: str = ""
    subject: str = ""
    dirty: bool = False


def commit_of(folder: Path) -> Commit:
    """What git says; nothing where there is no repository, no commit or no git."""
    text = git(folder, "log", "-1", "--format=%H%n%s")
    if not text:
        return Commit()
    identity, _, subject = text.partition("\n")
    changes = git(folder, "status", "--porcelain", "--", ".")
    return Commit(identity, subject.strip(), dirty=bool(changes))


def git(folder: Path, *arguments: str) -> str:
    """What it prints, without white space around; "" where it fails or isn't there."""
    # A repository's own configuration could name a program to run beside these.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        found = subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return os.fsdecode(found.stdout).strip() if found.returncode == 0 else ""
