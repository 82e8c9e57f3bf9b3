"""Secrets come from stdin or a file, never as arguments: others of this machine can read those."""

import sys
from pathlib import Path

from deployer.command.failure import USAGE, Failure

SECRET_MAX = 64 * 1024


def read_secret(place: str, *, what: str) -> str:
    """The text of a file, or of stdin for `-`, without the ends of its last lines. Raises Failure, which repeats none.

    `what`: its name in what is said of faults.
    """
    where = "on stdin" if place == "-" else f"from {place}"
    try:
        if place == "-":
            data = sys.stdin.buffer.read(SECRET_MAX + 1)
        else:
            with Path(place).open("rb") as file:
                data = file.read(SECRET_MAX + 1)
        text = data.decode().rstrip("\r\n")
    except OSError as error:
        raise Failure(f"{place} can't be read: {error.strerror}.", status=USAGE) from error
    except UnicodeDecodeError as error:
        raise Failure(f"What came in {where} is no {what}: it is not text.") from error
    if not text or len(data) > SECRET_MAX:
        raise Failure(f"No {what} came in {where}." if not text else f"What came in {where} is too long.")
    return text
