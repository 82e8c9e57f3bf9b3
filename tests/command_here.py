"""The `deployer` command in this very process: the same words in and out, without the start of another Python."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from deployer import cli

# A folder, an environment and standard streams are a process's own: one at a time, please.
_one = threading.Lock()


class _Pipe(io.TextIOWrapper):
    """A stream that no terminal hears."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", newline="\n", write_through=True)

    def text(self) -> str:
        buffer: io.BytesIO = self.buffer  # type: ignore[assignment]
        return buffer.getvalue().decode()


def run(
    arguments: Sequence[str], *, environment: Mapping[str, str], cwd: Path, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """To its end, with exactly this environment. `typed` comes in on standard input."""
    out, err = _Pipe(), _Pipe()
    with _one, ExitStack() as stack:
        stack.enter_context(_environment(environment))
        stack.enter_context(chdir(cwd))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        stack.enter_context(_words([*arguments], _Pipe(typed.encode())))
        status = _status()
    return subprocess.CompletedProcess([*arguments], status, out.text(), err.text())


def _status() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _words(arguments: list[str], typed: io.TextIOBase) -> Iterator[None]:
    before = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["deployer", *arguments], typed  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.argv, sys.stdin = before


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
