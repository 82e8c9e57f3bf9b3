"""What a run of the `deployer` command came to."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

COMMAND_SECONDS = 90


@dataclass(frozen=True)
class Told:
    status: int
    out: str
    err: str
    seconds: float

    @property
    def all(self) -> str:
        return self.out + self.err


def finished(process: subprocess.Popen[str], begun: float, *, written: Path | None = None) -> Told:
    """Waits for a command that was begun at that time (of the monotonic clock). `written`: where its output goes, if
    that is a file."""
    try:
        out, err = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        said = (written.read_text() if written else out) + err
        raise AssertionError(f"{process.args!r} did not end within {COMMAND_SECONDS} s:\n{said}") from None
    out = written.read_text() if written else out
    return Told(process.returncode, out, err, time.monotonic() - begun)
