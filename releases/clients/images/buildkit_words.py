"""BuildKit's plain progress in the words of the engine's own builder, so that a log reads the same with either.

A line is `#<vertex> <rest>`: `[2/3] RUN make`, `0.068 output`, `DONE 0.1s`, `CACHED`, `ERROR: …`, `transferring …`;
when several go on, the name of one is repeated before it speaks again
(https://github.com/moby/buildkit/blob/master/util/progress/progressui/printer.go).
"""

import re
from collections import deque

from releases.clients.images.lines import TAIL, seen

VERTEX = re.compile(r"#(\d+) ?(.*)", re.DOTALL)
STEP = re.compile(r"\[(?:(.+?) )?\s*(\d+)/(\d+)\] (.*)")
OUTPUT = re.compile(r"\d+\.\d+ ?(.*)", re.DOTALL)
TOLD = re.compile(r"(pushing|importing|WARNING|WARN|warning)\b.*")
PREFIX = re.compile(r"^((failed to (build|solve)\b[^:]*|failed to create LLB definition): )+")


class Words:
    """Goes through the lines in order. `fault`: what BuildKit says of its failure; `tail`: the last lines of output."""

    def __init__(self) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._faults: list[str] = []
        self._outside = ""
        self._speaking = ""

    @property
    def fault(self) -> str:
        """The last word says most; whoever never came to build has only complained."""
        return PREFIX.sub("", (self._faults or [self._outside])[-1])

    def take(self, line: str) -> list[str]:
        """The lines to say in place of `line`."""
        found = VERTEX.fullmatch(line)
        if not found:
            self._complain(line)
            return []
        vertex, rest = found.groups()
        if output := OUTPUT.fullmatch(rest):
            text = seen(
                re.sub(rf"#{vertex} DONE [\d.]+s$", "", output.group(1))
            )  # where output has no last end of line
            self.tail.append(text)
            return [text]
        if step := STEP.fullmatch(rest):
            return self._step(vertex, step)
        if rest.startswith("ERROR: "):
            self._faults.append(rest.removeprefix("ERROR: "))
        return [" ---> Using cache"] if rest == "CACHED" else self._told(rest)

    def _step(self, vertex: str, step: re.Match[str]) -> list[str]:
        stage, number, of, instruction = step.groups()
        if self._speaking == vertex:
            return []
        self._speaking = vertex
        return [f"Step {number}/{of} : {instruction}" + (f" ({stage})" if stage else "")]

    def _told(self, rest: str) -> list[str]:
        """What is under way is told once it is done; how files are moved about, not at all."""
        moving = rest.startswith("pushing") and not rest.endswith("done")
        return [rest] if TOLD.fullmatch(rest) and not moving else []

    def _complain(self, line: str) -> None:
        """Outside of all vertices: the failure, with an excerpt of the Dockerfile and of the log."""
        if line.upper().startswith("ERROR: "):
            self._faults.append(line[len("ERROR: ") :])
        elif line.strip():
            self._outside = line.strip()
