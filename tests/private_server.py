"""Servers that tests start for themselves: each in a folder of its own, gone with whoever started it."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

PR_SET_PDEATHSIG = 1
START_SECONDS = 30
STOP_SECONDS = 20

_libc = ctypes.CDLL(None, use_errno=True)


class PrivateServer:
    """Ends with the thread that started it, however that ends: it is told by `signal.SIGTERM`, so that it can put away
    what it has made."""

    name = "server"

    def __init__(self) -> None:
        # A socket's path has 107 characters at most, whatever TMPDIR says.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir="/tmp"))
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> Self:
        """Until it answers. Raises RuntimeError with its own last words if it never does."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for those who use it; they end it after themselves
                preexec_fn=die_with(os.getpid()),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-1000:]
                self.stop()
                raise RuntimeError(f"The {self.name} does not start: {said}")
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """For good."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def die_with(parent: int, number: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """To be called in a child of the process `parent`: when that one's thread ends, the child gets this signal."""

    def bind() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind
