"""What the programs of one Deployer print, in one terminal."""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from typing import TextIO

LONGEST_LINE = 8192
COLOURS = {"redis": 31, "cluster": 36, "setup": 37, "web": 32, "builds": 33, "rollouts": 35, "reaper": 34}
# Output may carry text of others; nothing of it may steer the terminal.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Terminal:
    """Lines with the name of who says them. Goes silent when nobody can read it any more."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self.stream = stream
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ

    def say(self, name: str, line: str) -> None:
        prefix = f"{name:<8} |"
        self.write(f"\x1b[{COLOURS.get(name, 37)}m{prefix}\x1b[0m {line}" if self.coloured else f"{prefix} {line}")

    def write(self, text: str) -> None:
        try:
            print(text, file=self.stream, flush=True)
        except (OSError, ValueError):
            self.stream = open(os.devnull, "w")  # noqa: SIM115

    def strong(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.coloured else text


async def forward(fd: int, hear: Callable[[str], None]) -> None:
    """Hands each line that arrives on a pipe to `hear`, until its end. An overlong line is handed on in pieces."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await reader.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                for piece in _pieces(line):
                    hear(plain(piece))
            if len(rest) > LONGEST_LINE:
                *whole, rest = _pieces(rest)
                for piece in whole:
                    hear(plain(piece))
        if rest:
            hear(plain(rest))
    finally:
        transport.close()


def _pieces(line: bytes) -> list[bytes]:
    """The line in pieces of at most LONGEST_LINE bytes; an empty line is one piece."""
    return [line[start : start + LONGEST_LINE] for start in range(0, max(len(line), 1), LONGEST_LINE)]


def plain(line: bytes) -> str:
    """One line as text without anything that steers a terminal."""
    return _CONTROL.sub("", line.decode(errors="replace").rstrip())
