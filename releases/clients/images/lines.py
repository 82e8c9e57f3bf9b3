"""From the pieces of output that come to the lines of a log."""

import re
from collections import deque

LINE_MAX = 16_000
TAIL = 10
# The engine wraps what a step writes to its standard error.
ERROR_OUTPUT = re.compile(r"\x1b\[91m(.*)\x1b\[0m", re.DOTALL)


class Lines:
    """Puts pieces together. Never holds more than one line of bounded length, and the last few as `tail`.

    `terminal`: as one shows them. Without it lines are given as they are, to be taken apart first.
    """

    def __init__(self, *, terminal: bool = True) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._rest = ""
        self._terminal = terminal

    def take(self, piece: str) -> list[str]:
        """The lines that `piece` completes."""
        if self._terminal and (wrapped := ERROR_OUTPUT.fullmatch(piece)):
            piece = wrapped.group(1)
        *lines, rest = (self._rest + piece).split("\n")
        if self._terminal:
            lines = [seen(line) for line in lines]
            rest = seen(rest) if len(rest) > LINE_MAX else rest
        while len(rest) > LINE_MAX:
            lines.append(rest[:LINE_MAX])
            rest = rest[LINE_MAX:]
        self._rest = rest
        self.tail.extend(line for line in lines if line.strip())
        return lines

    def end(self) -> list[str]:
        """What came without an end of line."""
        return self.take("\n") if self._rest else []


def seen(line: str) -> str:
    """A carriage return goes back to the start of the line, as on a terminal: this is what is left to be seen."""
    if "\r" not in line:
        return line
    return next((part for part in reversed(line.split("\r")) if part), "")
