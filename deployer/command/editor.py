"""Have a person change a text in the editor that they chose."""

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

from deployer.command.failure import FAILED, Failure

Taken = TypeVar("Taken")
TRY_AGAIN = "Change it to try again; saved as it is, it is given up."
GONE = "What you typed was not kept."
# What is no text comes back to the editor as it was saved.
BYTES_KEPT = "surrogateescape"


def edited(head: str, text: str, *, suffix: str, take: Callable[[str], Taken]) -> Taken:
    """What `take` makes of what they saved; it raises Failure for what it can't take.

    Then the editor opens again, with what was typed, and the fault in the place of `head`, a comment in the first line:
    `take`, too, gets a first line of that kind, so that lines are counted as they will be seen. Who saves that without
    a change, or ends the editor with a failure, has given up.

    The text is in a folder of 0700, in a file of 0600, and removed in any case. Raises Failure when there is no editor,
    it fails, or they have given up.
    """
    # Where there is one, a folder that is in memory, and gone when the person is.
    place = os.environ.get("XDG_RUNTIME_DIR", "")
    with (
        _ended_in_order(),
        tempfile.TemporaryDirectory(prefix="deployer-", dir=place if os.path.isdir(place) else None) as folder,
    ):
        path, typed, fault = Path(folder) / f"edit{suffix}", text, None
        while True:
            offered = typed
            first = _comment(" ".join([fault.message, *fault.details, TRY_AGAIN])) if fault else head
            _write(path, first + offered)
            _run(path, lost=GONE if offered != text else "")
            typed = _saved(path).removeprefix(first)
            if fault and typed == offered:
                raise Failure(f"Given up: {fault.message}", *fault.details, GONE, status=fault.status)
            try:
                return take(_comment("") + _utf8(typed))
            except Failure as failure:
                fault = failure


def _comment(text: str) -> str:
    return f"# {' '.join(text.split())}\n"


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text.encode(errors=BYTES_KEPT))


def _saved(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", errors=BYTES_KEPT)
    except OSError as error:
        raise Failure("Nothing was changed: what was saved is gone.", status=FAILED) from error


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Failure("What you saved is no UTF-8 text.") from error
    return text


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


def _run(path: Path, *, lost: str) -> None:
    """`lost`: what is to be said beside a failure."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        ended = subprocess.run([*shlex.split(chosen), str(path)]).returncode
    except (OSError, ValueError) as error:
        raise Failure(f"{chosen} can't be started: set $VISUAL or $EDITOR.", *filter(None, [lost])) from error
    if ended != 0:
        raise Failure(f"Nothing was changed: {chosen} ended with {ended}.", *filter(None, [lost]))
