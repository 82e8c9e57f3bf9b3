"""What only a terminal gets: colour, something that turns, a bar, questions. A pipe gets plain text."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from deployer.command.failure import FAILED, INTERRUPTED, Failure

COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "dim": 2, "bold": 1}
STATUS_COLOURS = {
    "active": "green",
    "succeeded": "green",
    "ready": "green",
    "running": "blue",
    "reachable": "green",
    "rolling": "blue",
    "releasing": "blue",
    "queued": "yellow",
    "rolling back": "yellow",
    "paused": "yellow",
    "failed": "red",
    "rolled back": "red",
    "crashing": "red",
}


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether there is one that can do more than take lines; stdout, if no stream is named."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def size() -> os.terminal_size | None:
    """Columns and lines of the terminal; None where there is none."""
    return shutil.get_terminal_size() if is_terminal() else None


def can_ask() -> bool:
    """Whether somebody is there to see a question and to answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def has_colours() -> bool:
    """Whether they are wanted: https://no-color.org says how one doesn't want them."""
    return is_terminal() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    """In that colour, where colours are wanted."""
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if has_colours() else text


def paint_status(text: str) -> str:
    colour = STATUS_COLOURS.get(text.strip().lower())
    return paint(text, colour) if colour else text


@contextmanager
def spinner(title: str, *, turns: bool) -> Iterator[None]:
    """Turns beside the title until the block ends, and leaves nothing behind."""
    if not turns:
        yield
        return
    from rich.console import Console

    with Console(highlight=False).status(f"{title}...", spinner="line"):
        yield


@contextmanager
def bar(title: str, content: BinaryIO, length: int, *, shown: bool) -> Iterator[BinaryIO]:
    """The content, to be read in the block; how far that has come is shown on a terminal's line until it is over."""
    if not shown:
        yield content
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}..."),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, transient=True) as progress:
        yield progress.wrap_file(content, total=length, description=title)


def ask(title: str, *, unanswered: str, default: str | None = None) -> str:
    """What is typed, or read from a pipe. Raises Failure, with the words for it, at the input's end or at a Ctrl-C."""
    import typer

    try:
        return typer.prompt(title, default=default, err=True)
    except typer.Abort:
        sys.stderr.write("\n")
        raise Failure(unanswered, status=INTERRUPTED if sys.stdin.isatty() else FAILED) from None


def question(text: str) -> str:
    """What is answered, in small letters; "" at the end of the input. A Ctrl-C is for who asks."""
    sys.stderr.write(text)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower()
