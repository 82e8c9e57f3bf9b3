"""Keeps the programs of one Deployer running, and ends them all with itself.

Each program is a child in a session of its own, which the kernel kills when the supervisor dies, even of SIGKILL
(prctl(2), PR_SET_PDEATHSIG). What children of children do then is theirs to arrange; for that there is the lifeline,
a pipe that nobody but the supervisor holds open for writing.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployer.output import forward

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 5.0
FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0
# A program that ran for this long is not one that can't start.
SETTLED_SECONDS = 5.0
# One Ctrl-C may arrive twice: from the terminal, and passed on by make.
SAME_SIGNAL_SECONDS = 0.5
# What a program wrote before its end is told before that; a grandchild may keep its output open for longer.
LAST_WORDS_SECONDS = 1.0

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """What to run. Programs of a higher `floor` use those below: they are ended first."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    floor: int = 0
    pass_fds: tuple[int, ...] = ()


@dataclass
class Supervisor:
    """`say(name, line)` gets the children's output, and words of its own about them."""

    say: Callable[[str, str], None]
    grace: float = GRACE_SECONDS
    failure: str | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _running: dict[str, tuple[Program, asyncio.subprocess.Process]] = field(default_factory=dict)
    _asked_at: float = 0.0

    def __post_init__(self) -> None:
        self.lifeline, self._lifeline_end = os.pipe()
        os.set_blocking(self._lifeline_end, False)

    def keep(self, program: Program) -> None:
        """Runs the program, and again whenever it ends."""
        self._add(self._keep(program))

    def obey_signals(self) -> None:
        """Ctrl-C, a closed terminal, or SIGTERM stop; a second time, at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop)

    def stop(self) -> None:
        self._stopping.set()

    def fail(self, reason: str) -> None:
        """Stops everything, because of this."""
        self.failure = self.failure or reason
        self.stop()

    async def finished(self) -> None:
        """Waits until somebody asks to stop, then ends all programs, the highest floor first."""
        await self._stopping.wait()
        floors = {program.floor for program, _ in self._running.values()}
        for floor in sorted(floors, reverse=True):
            await asyncio.gather(*(self._end(process) for program, process in self._on(floor)))
        self.cut_lifeline()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_lifeline(self) -> None:
        if self._lifeline_end >= 0:
            os.close(self._lifeline_end)
            os.close(self.lifeline)
            self._lifeline_end = -1

    async def once(self, program: Program, *, hear: Callable[[str], None] | None = None) -> bool:
        """Runs the program to its end; whether it succeeded. `hear` gets its lines instead of `say`."""
        code = await self._run(program, hear)
        self._running.pop(program.name, None)
        if code and not self._stopping.is_set():
            self.fail(f"{program.name} {ending(code)}")
        return code == 0

    async def _keep(self, program: Program) -> None:
        delay = FIRST_DELAY
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                how = ending(await self._run(program, None))
            except OSError as error:
                how = f"can't be started: {error.strerror}"
            self._running.pop(program.name, None)
            if self._stopping.is_set():
                return
            delay = FIRST_DELAY if time.monotonic() - started > SETTLED_SECONDS else delay
            self.say(program.name, f"{how}; starting it again in {delay:g} s")
            await self._pause(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _run(self, program: Program, hear: Callable[[str], None] | None) -> int:
        """To its end and its last words. Gives its return code."""
        process, output = await self._start(program, hear)
        code = await process.wait()
        await asyncio.wait([output], timeout=LAST_WORDS_SECONDS)
        return code

    async def _start(
        self, program: Program, hear: Callable[[str], None] | None
    ) -> tuple[asyncio.subprocess.Process, "asyncio.Task[None]"]:
        # A pipe of our own: a grandchild that keeps it open must not delay the news of the child's end.
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                env=program.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=program.pass_fds,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._running[program.name] = (program, process)
        output = self._add(forward(reading, hear or (lambda line: self.say(program.name, line))))
        return process, output

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """SIGTERM to the child alone, which knows its own children; SIGKILL to all of its group."""
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.grace)
        _signal(-process.pid, signal.SIGKILL)
        await process.wait()

    def _asked_to_stop(self) -> None:
        now = time.monotonic()
        if self._stopping.is_set() and now - self._asked_at > SAME_SIGNAL_SECONDS:
            for _, process in self._running.values():
                _signal(-process.pid, signal.SIGKILL)
        elif not self._stopping.is_set():
            self._asked_at = now
            self.stop()

    def _on(self, floor: int) -> list[tuple[Program, asyncio.subprocess.Process]]:
        return [entry for entry in self._running.values() if entry[0].floor == floor]

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _add(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def ending(code: int) -> str:
    """How a program ended, in words, from its return code (negative: a signal)."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _die_with(parent: int) -> Callable[[], None]:
    """To be called in the child: the death signal follows the thread that started it, which is the main one here."""

    def bind() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
