"""A container's process, seen from localcluster: started through a shim, or found running after a restart."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("shim.py")
LOG_LIMIT = 10 * 1024 * 1024
START_LIMIT = 20.0


class CannotStart(Exception):
    """The program could not be started; the text is what runc says."""


@dataclass(frozen=True)
class Exit:
    """How a run ended. `code` is 128 + n for signal n; the times are RFC 3339 with nanoseconds."""

    code: int
    started_at: str
    finished_at: str
    lost: bool = False
    """It did not end by itself: the machine or the supervisor went away."""


@dataclass(frozen=True)
class Run:
    """The files of one run of a container: run `number` is the container's restart count at that time."""

    folder: Path
    number: int

    @property
    def log(self) -> Path:
        return self.folder / f"{self.number}.log"

    @property
    def state(self) -> Path:
        return self.folder / f"{self.number}.state.json"

    @property
    def exit(self) -> Path:
        return self.folder / f"{self.number}.exit.json"

    def read_state(self) -> dict[str, Any] | None:
        """What the shim wrote when it started the process; None if it never did, {} if it died just then."""
        return _read(self.state)

    def read_exit(self) -> Exit | None:
        found = _read(self.exit)
        if not found:
            return None
        return Exit(found["code"], found["startedAt"], found["finishedAt"], lost=found["orphaned"])


def _read(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}


def is_alive(pid: int, ticks: int) -> bool:
    """Whether the process that started at that tick since boot still runs (and is not a later one with the same id)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return False
    return int(fields[19]) == ticks and fields[0] != b"Z"


@dataclass
class Process:
    """A running container: the shim's and the program's process ids and when they started, in ticks."""

    run: Run
    pid: int
    ticks: int
    started_at: str
    shim: int
    shim_ticks: int
    child: subprocess.Popen | None = field(default=None, repr=False)

    async def ended(self) -> Exit:
        """Waits until the shim is gone, and reads what it recorded. A killed shim takes its program with it."""
        await self._shim_gone()
        if self.child is not None:
            self.child.wait()
        recorded = self.run.read_exit()
        if recorded and recorded.lost:
            await asyncio.Event().wait()  # the supervisor has gone, and so does this process: the next start sees to it
        if recorded:
            return recorded
        _kill_group(self.pid, self.ticks)
        return Exit(128 + signal.SIGKILL, self.started_at, self.started_at)

    async def _shim_gone(self) -> None:
        try:
            descriptor = os.pidfd_open(self.shim)
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        try:
            if not is_alive(self.shim, self.shim_ticks):
                return
            loop.add_reader(descriptor, _settle, gone)
            await gone
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def terminate(self) -> None:
        """SIGTERM to the program's process group."""
        self._signal_shim(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to everything that the program started."""
        self._signal_shim(signal.SIGUSR1)

    def _signal_shim(self, number: int) -> None:
        if is_alive(self.shim, self.shim_ticks):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.shim, number)


def _kill_group(pid: int, ticks: int) -> None:
    if is_alive(pid, ticks):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


async def start(run: Run, argv: list[str], env: dict[str, str], cwd: Path, *, lifeline: int) -> Process:
    """Starts a program under a new shim. Raises CannotStart."""
    orders = {
        "argv": argv,
        "env": env,
        "cwd": str(cwd),
        "state": str(run.state),
        "exit": str(run.exit),
        "log": str(run.log),
        "log_limit": LOG_LIMIT,
    }
    child = subprocess.Popen(  # noqa: ASYNC220 (it takes a millisecond, and asyncio's own needs a thread per child)
        [sys.executable, "-I", "-S", str(SHIM), str(lifeline)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        pass_fds=(lifeline,),
        start_new_session=True,
    )
    answer = await _exchange(child, json.dumps(orders).encode())
    if "pid" not in answer:
        child.wait()
        raise CannotStart(answer.get("error", "the shim ended without an answer"))
    return Process(run, answer["pid"], answer["ticks"], answer["startedAt"], child.pid, answer["shimTicks"], child)


async def _exchange(child: subprocess.Popen, orders: bytes) -> dict[str, Any]:
    """Gives the shim its orders and reads its answer; a shim that is silent for too long is killed."""
    loop = asyncio.get_running_loop()
    assert child.stdin and child.stdout
    with child.stdin, child.stdout:
        with contextlib.suppress(BrokenPipeError):
            await _write_all(loop, child.stdin.fileno(), orders)
        child.stdin.close()
        try:
            line = await asyncio.wait_for(_read_line(loop, child.stdout.fileno()), START_LIMIT)
        except TimeoutError:
            child.kill()
            return {"error": "the shim did not answer"}
    return json.loads(line) if line else {}


async def _write_all(loop: asyncio.AbstractEventLoop, fd: int, data: bytes) -> None:
    os.set_blocking(fd, False)
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await _ready(loop.add_writer, loop.remove_writer, fd)


async def _read_line(loop: asyncio.AbstractEventLoop, fd: int) -> bytes:
    os.set_blocking(fd, False)
    data = b""
    while b"\n" not in data:
        try:
            piece = os.read(fd, 1 << 16)
        except BlockingIOError:
            await _ready(loop.add_reader, loop.remove_reader, fd)
            continue
        if not piece:
            break
        data += piece
    return data


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _ready(add: Any, remove: Any, fd: int) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(fd, _settle, ready)
    try:
        await ready
    finally:
        remove(fd)


def find(run: Run) -> Process | Exit | None:
    """What became of a run that an earlier localcluster started: still running, ended, or (None) never started."""
    state = run.read_state()
    if state is None:
        return None
    if state and is_alive(state["shim"], state["shimTicks"]):
        return Process(run, state["pid"], state["ticks"], state["startedAt"], state["shim"], state["shimTicks"])
    recorded = run.read_exit()
    if recorded:
        return recorded
    if not state:
        run.state.unlink(missing_ok=True)  # its shim died before it started anything
        return None
    _kill_group(state["pid"], state["ticks"])
    return Exit(255, state["startedAt"], state["startedAt"], lost=True)
