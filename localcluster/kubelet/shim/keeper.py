"""Watching one process group until it has ended."""

import contextlib
import os
import selectors
import signal
import time

from localcluster.kubelet.shim.output import Log

LIFELINE_GRACE = 1.0
DRAIN_LIMIT = 1.0


class Keeper:
    """Watches one process group until it has ended."""

    def __init__(self, pid: int, lifeline: int, log: Log, outputs: tuple[int, int]) -> None:
        self.pid, self.log = pid, log
        self.status: int | None = None
        self.kill_at: float | None = None
        self.orphaned = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(lifeline, selectors.EVENT_READ, "lifeline")
        for fd, stream in zip(outputs, ("stdout", "stderr"), strict=True):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, stream)
        self.open_outputs = 2
        wakeup, wakeup_end = os.pipe()
        for fd in (wakeup, wakeup_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        self.selector.register(wakeup, selectors.EVENT_READ, "signal")
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.signal_group(signal.SIGTERM))
        signal.signal(signal.SIGUSR1, lambda *_: self.signal_group(signal.SIGKILL))

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def watch(self) -> int:
        """Waits for the end; gives the wait status."""
        while self.status is None:
            self.turn(None if self.kill_at is None else max(0.0, self.kill_at - time.monotonic()))
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self.signal_group(signal.SIGKILL)
            self.reap()
        self.kill_the_rest()
        until = time.monotonic() + DRAIN_LIMIT
        left = DRAIN_LIMIT
        while self.open_outputs and left > 0:
            left = until - time.monotonic()  # once more when the time is over: we may have stood still ourselves
            self.turn(max(0.0, left))
        self.log.finish()
        return self.status

    def turn(self, timeout: float | None) -> None:
        for key, _ in self.selector.select(timeout):
            if key.data == "lifeline":
                self.read_lifeline(key.fd)
            elif key.data == "signal":
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self.read_output(key.fd, key.data)

    def read_lifeline(self, fd: int) -> None:
        if os.read(fd, 1):
            return
        self.selector.unregister(fd)
        self.orphaned = True
        self.signal_group(signal.SIGTERM)
        self.kill_at = time.monotonic() + LIFELINE_GRACE

    def read_output(self, fd: int, stream: str) -> None:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if data:
            self.log.add(stream, data)
        else:
            self.selector.unregister(fd)
            self.open_outputs -= 1

    def reap(self) -> None:
        """Takes every ended child: the subreaper inherits what the process leaves behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = status

    def kill_the_rest(self) -> None:
        """As with a container, nothing outlives the first process: its group, then whatever has left the group."""
        self.signal_group(signal.SIGKILL)
        for _ in range(1000):
            children = children_of(os.getpid())
            if not children:
                return
            for pid in children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            time.sleep(0.001)


def children_of(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []
