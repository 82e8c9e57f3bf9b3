"""The supervisor with real children: how it restarts them, how it ends them, and what is left when it is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer import output
from deployer.output import plain
from deployer.supervisor import Program, Supervisor, ending

ROOT = Path(__file__).resolve().parent.parent
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"

POLITE = """
import os, signal, time
# Not by print: the signal may come while that still writes `up`.
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye\\n'), os._exit(0)))
print('up', flush=True)
time.sleep(60)
"""


class Heard:
    """What a supervisor said, line by line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def of(self, name: str) -> list[str]:
        return [line for speaker, line in self.lines if speaker == name]


def program(name: str, code: str, floor: int = 0, **options) -> Program:
    return Program(name, [sys.executable, "-I", "-S", "-c", code], {"PATH": os.environ["PATH"]}, floor=floor, **options)


async def until(fact: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.01)


def exists(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_a_child_that_died_is_started_again_and_it_says_how_it_ended(heard, monkeypatch):
    monkeypatch.setattr("deployer.supervisor.SETTLED_SECONDS", 600.0)  # a start may be slow
    supervisor = Supervisor(say=heard)
    supervisor.keep(program("web", "import os; print(os.getpid(), flush=True); os._exit(3)"))
    await until(lambda: sum(line.isdigit() for line in heard.of("web")) == 3)
    assert heard.of("web")[1] == "exited with 3; starting it again in 0.2 s"
    assert "exited with 3; starting it again in 0.4 s" in heard.of("web")
    supervisor.stop()
    await supervisor.finished()


async def test_the_last_words_of_a_child_come_before_its_end(heard, monkeypatch):
    async def busy(reading, hear):
        """Comes to reading only when a short child has ended."""
        await asyncio.sleep(0.3)
        await output.forward(reading, hear)

    monkeypatch.setattr("deployer.supervisor.forward", busy)
    monkeypatch.setattr("deployer.supervisor.LAST_WORDS_SECONDS", 30.0)
    supervisor = Supervisor(say=heard)
    supervisor.keep(program("web", "import os; os.write(2, b'no database'); os._exit(1)"))
    await until(lambda: len(heard.of("web")) >= 2)
    assert heard.of("web")[:2] == ["no database", "exited with 1; starting it again in 0.2 s"]
    supervisor.stop()
    await supervisor.finished()


async def test_a_killed_child_is_named_with_its_signal(heard):
    supervisor = Supervisor(say=heard)
    supervisor.keep(program("redis", f"import os; print(os.getpid(), flush=True); {SLEEPER}"))
    await until(lambda: "up" in heard.of("redis"))
    os.kill(int(heard.of("redis")[0]), signal.SIGKILL)
    await until(lambda: heard.of("redis").count("up") == 2)
    assert "was killed by SIGKILL; starting it again in 0.2 s" in heard.of("redis")
    supervisor.stop()
    await supervisor.finished()


async def test_a_program_that_does_not_exist_is_said_and_tried_again(heard):
    supervisor = Supervisor(say=heard)
    supervisor.keep(Program("web", ["/nonexistent/program"], {}))
    await until(lambda: len(heard.of("web")) == 2)
    assert "can't be started: No such file or directory" in heard.of("web")[0]
    supervisor.stop()
    await supervisor.finished()


async def test_higher_floors_end_before_lower_ones(heard):
    supervisor = Supervisor(say=heard, grace=60)
    for floor, name in enumerate(("redis", "cluster", "web")):
        supervisor.keep(program(name, POLITE, floor=floor))
    await until(lambda: len(heard.lines) == 3)
    supervisor.stop()
    await supervisor.finished()
    assert [name for name, line in heard.lines if line == "bye"] == ["web", "cluster", "redis"]
    assert len(heard.lines) == 6, "it is quiet when stopping"


async def test_a_child_that_ignores_sigterm_is_killed(heard):
    supervisor = Supervisor(say=heard, grace=0.3)
    supervisor.keep(program("web", STUBBORN))
    await until(lambda: heard.of("web") == ["up"])
    supervisor.stop()
    async with asyncio.timeout(30):
        await supervisor.finished()


async def test_a_one_shot_that_fails_stops_everything_with_its_reason(heard):
    supervisor = Supervisor(say=heard)
    supervisor.keep(program("redis", SLEEPER))
    words: list[str] = []
    assert not await supervisor.once(program("setup", "import sys; sys.exit('no database')"), hear=words.append)
    async with asyncio.timeout(30):
        await supervisor.finished()
    assert (supervisor.failure, words) == ("setup exited with 1", ["no database"])


async def test_a_grandchild_that_keeps_the_output_open_does_not_hide_its_parents_end(heard):
    code = f"import os, sys, subprocess; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); os._exit(7)"
    supervisor = Supervisor(say=heard)
    assert not await supervisor.once(program("setup", code))
    supervisor.stop()
    await supervisor.finished()
    assert supervisor.failure == "setup exited with 7"


async def test_a_huge_line_is_handed_on_in_pieces(heard):
    supervisor = Supervisor(say=heard)
    await supervisor.once(program("setup", "print('x' * 1_000_000); print('end')"))
    assert sum(len(line) for line in heard.of("setup")) == 1_000_003
    assert heard.of("setup")[-1] == "end"
    supervisor.stop()
    await supervisor.finished()


def test_nothing_that_a_child_prints_steers_the_terminal():
    assert plain(b"\x1b[31mred\x1b[0m \x1b]0;title\x07 a\tb\x9b\xff\r") == "red ]0;title a\tb\ufffd\ufffd"


def test_an_ending_in_words():
    assert [ending(0), ending(2), ending(-9)] == ["exited with 0", "exited with 2", "was killed by SIGKILL"]


PARENT = """
    import asyncio, sys
    from deployer.supervisor import Program, Supervisor

    def child(name, code, *arguments, **options):
        return Program(name, [sys.executable, "-I", "-S", "-c", code, *arguments], {}, **options)

    async def main():
        supervisor = Supervisor(say=lambda name, line: print(line, flush=True), grace=float(sys.argv[1]))
        supervisor.obey_signals()
        supervisor.keep(child("stubborn", '''STUBBORN'''))
        lifeline = supervisor.lifeline
        supervisor.keep(child("cluster", '''CLUSTER''', str(lifeline), pass_fds=(lifeline,)))
        await supervisor.finished()

    asyncio.run(main())
"""
# As localcluster does: a grandchild in its own session, which watches the lifeline.
GRANDCHILD = "import os, sys; print(os.getpid(), flush=True); os.read(int(sys.argv[1]), 1)"
CLUSTER = f"""
import os, subprocess, sys, time
print(os.getpid(), flush=True)
fd = int(sys.argv[1])
subprocess.Popen([sys.executable, "-c", {GRANDCHILD!r}, str(fd)], pass_fds=[fd], start_new_session=True)
time.sleep(60)
"""


@pytest.fixture
def grace():
    """Seconds that stubborn children get."""
    return 1


@pytest.fixture
def parent(grace):
    """A supervisor as a process of its own, and the ids of all below it."""
    script = textwrap.dedent(PARENT).replace("STUBBORN", STUBBORN + "\n").replace("CLUSTER", CLUSTER)
    script = script.replace("print('up', flush=True)", "import os; print(os.getpid(), flush=True)")
    command = [sys.executable, "-c", script, str(grace)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    pids = [int(process.stdout.readline()) for _ in range(3)]
    yield process, pids
    process.kill()
    process.wait()
    process.stdout.close()
    for pid in filter(exists, pids):
        os.kill(pid, signal.SIGKILL)


def gone(pids: list[int], *, all_of_them: bool = True, seconds: float = 30) -> bool:
    """In the end."""
    remain = any if all_of_them else all
    deadline = time.monotonic() + seconds
    while remain(map(exists, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not remain(map(exists, pids))


def test_kill_9_of_the_supervisor_leaves_nothing(parent):
    process, pids = parent
    assert all(map(exists, pids))
    process.kill()
    assert gone(pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all(parent, number):
    process, pids = parent
    process.send_signal(number)
    assert process.wait(30) == 0
    assert gone(pids)


@pytest.mark.parametrize("grace", [600])
def test_a_second_signal_ends_all_at_once(parent):
    process, pids = parent
    process.send_signal(signal.SIGINT)
    assert gone(pids, all_of_them=False), "the first signal was not heard"
    time.sleep(0.6)  # less than this is one signal that came on two ways
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert gone(pids)
