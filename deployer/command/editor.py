"""Have a person change a text in the editor that they chose."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from deployer.command.failure import FAILED, Failure


def edited(text: str, *, suffix: str) -> str:
    """What they saved. The text is in a folder of 0700, in a file of 0600, and removed in any case.

    Raises Failure when there is no editor, it fails, or what it saved is not text.
    """
    # Where there is one, a folder that is in memory, and gone when the person is.
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    with (
        _ended_in_order(),
        tempfile.TemporaryDirectory(prefix="deployer-", dir=place if os.path.isdir(place) else None) as folder,
    ):
        path = Path(folder) / f"edit{suffix}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline="") as file:
            file.write(text)
        _run(path)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure("Nothing was changed: what was saved is gone, or no UTF-8 text.", status=FAILED) from error


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Who closes the terminal or ends the command must not leave the file behind."""
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run(path: Path) -> None:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        ended = subprocess.run([*shlex.split(chosen), str(path)]).returncode
    except (OSError, ValueError) as error:
        raise Failure(f"{chosen} can't be started: set $VISUAL or $EDITOR.", status=FAILED) from error
    if ended != 0:
        raise Failure(f"Nothing was changed: {chosen} ended with {ended}.", status=FAILED)
