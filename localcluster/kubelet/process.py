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

from localcluster import clock
from localcluster.kubelet import streams

SHIM = Path(__file__).with_name("shim") / "shim.py"
UNKNOWN_EXIT = 255
"""The exit code of a container whose end nobody saw, as containerd reports it after a node has gone down."""
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
    out_of_memory: bool = False
    """It was killed because it needed more than its limit."""
    start_error: str = ""
    """Why it could not be started, in full, if that is so."""

    @property
    def seconds(self) -> float:
        """How long it ran."""
        if self.start_error:
            return 0.0
        return (clock.parse(self.finished_at) - clock.parse(self.started_at)).total_seconds()


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

    @property
    def message(self) -> Path:
        """What the program has to say at its end."""
        return self.folder / f"{self.number}.message"

    @property
    def out_of_memory(self) -> Path:
        """There is such a file when the run has been killed over its memory."""
        return self.folder / f"{self.number}.oom"

    def read_state(self) -> dict[str, Any] | None:
        """What the shim wrote when it started the process; None if it never did, {} if it died just then."""
        return _read(self.state)

    def read_exit(self) -> Exit | None:
        found = _read(self.exit)
        if not found:
            return None
        if found["orphaned"]:
            return Exit(UNKNOWN_EXIT, found["startedAt"], found["finishedAt"], lost=True)
        killed = found["code"] == 128 + signal.SIGKILL and self.out_of_memory.exists()
        return Exit(found["code"], found["startedAt"], found["finishedAt"], out_of_memory=killed)


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
            loop.add_reader(descriptor, streams.settle, gone)
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

    def kill_over_memory(self) -> None:
        """SIGKILL as the kernel's for a process that exceeds its limit; the exit says so, whoever reads it."""
        self.run.out_of_memory.touch(mode=0o600)
        self.kill()

    def environment(self) -> dict[str, str]:
        """What the program was started with; empty when it is gone."""
        try:
            data = Path(f"/proc/{self.pid}/environ").read_bytes()
        except OSError:
            return {}
        pairs = (entry.partition(b"=") for entry in data.split(b"\0") if b"=" in entry)
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}

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
            await streams.write_all(loop, child.stdin.fileno(), orders)
        child.stdin.close()
        try:
            line = await asyncio.wait_for(streams.read_line(loop, child.stdout.fileno()), START_LIMIT)
        except TimeoutError:
            child.kill()
            return {"error": "the shim did not answer"}
    return json.loads(line) if line else {}


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
    return Exit(UNKNOWN_EXIT, state["startedAt"], state["startedAt"], lost=True)
