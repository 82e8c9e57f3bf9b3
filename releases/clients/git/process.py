"""Run Git: with a limit on time and output, ended when its starter wants it or dies, never through a shell."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from releases.errors import SourceFailed

GUARD = Path(__file__).with_name("guard.py")
PIECE = 64 * 1024
ERRORS_MAX = 64 * 1024
OUTPUT_MAX = 32 * 1024**2
LOOK_SECONDS = 0.2

Stop = Callable[[], None]


def never() -> None:
    """Nobody stops it."""


@dataclass
class Process:
    """One run. `output` gives what it says; `errors` has, afterwards, the last of what it complained of.

    `look` is called several times a second; what it raises ends the run.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    seconds: float
    look: Stop = never
    given: IO[bytes] | None = None
    errors: bytes = b""
    code: int | None = None
    _deadline: float = field(default=0.0, init=False)

    def output(self) -> Iterator[bytes]:
        """Its standard output, in pieces as they come. Whoever stops taking ends it."""
        self._deadline = time.monotonic() + self.seconds
        lifeline, held = os.pipe()
        try:
            child = self._start(lifeline)
        except OSError as error:
            os.close(held)
            raise SourceFailed(f"Git can't be started: {error.strerror}.", cause="git") from error
        finally:
            os.close(lifeline)
        try:
            yield from self._pieces(child)
            self.code = self._end_of(child)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            for stream in (child.stdout, child.stderr):
                stream.close()  # type: ignore[union-attr]
            os.close(held)

    def text(self) -> bytes:
        """All of its output. Raises SourceFailed where that is absurdly long."""
        found = bytearray()
        for piece in self.output():
            found += piece
            if len(found) > OUTPUT_MAX:
                raise SourceFailed("The repository answers without end.", cause="huge")
        return bytes(found)

    def _start(self, lifeline: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(lifeline), *self.command],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=self.given or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(lifeline,),
            start_new_session=True,
        )

    def _pieces(self, child: subprocess.Popen[bytes]) -> Iterator[bytes]:
        with selectors.DefaultSelector() as waiting:
            for stream, is_output in ((child.stdout, True), (child.stderr, False)):
                waiting.register(stream, selectors.EVENT_READ, is_output)  # type: ignore[arg-type]
            looked = 0.0
            while waiting.get_map():
                for key, _ in waiting.select(LOOK_SECONDS):
                    piece = os.read(key.fd, PIECE)
                    if not piece:
                        waiting.unregister(key.fileobj)
                    elif key.data:
                        yield piece
                    else:
                        self.errors = (self.errors + piece)[-ERRORS_MAX:]
                if time.monotonic() - looked > LOOK_SECONDS:
                    self._check()
                    looked = time.monotonic()

    def _end_of(self, child: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return child.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                self._check()

    def _check(self) -> None:
        self.look()
        if time.monotonic() > self._deadline:
            raise SourceFailed(
                f"Git took longer than {self.seconds:g} s.",
                cause="timeout",
                hint="Is the repository very large, or its server slow?",
                passing=True,
            )
