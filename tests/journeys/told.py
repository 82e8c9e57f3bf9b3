"""What a run of the `deployer` command came to."""

import subprocess
import time
from dataclasses import dataclass

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


def finished(process: subprocess.Popen[str], begun: float) -> Told:
    """Waits for a command that was begun at that time (of the monotonic clock)."""
    try:
        out, err = process.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r} did not end within {COMMAND_SECONDS} s:\n{out}{err}") from None
    return Told(process.returncode, out, err, time.monotonic() - begun)
