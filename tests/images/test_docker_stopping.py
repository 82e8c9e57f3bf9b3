"""Builds that are to stop: then the step's own process is gone, and nothing of the build goes on."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from releases.errors import BuildFailed
from tests.docker_engine import Engine
from tests.images.workshop import TOOLS, Workshop, processes_with, service, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds, on a machine with much else to do; by itself it takes less than a tenth of one.
WITHIN = 30


class Asked(Exception):
    """Somebody asked for an end."""


def sleeping(mark: str) -> str:
    return f"RUN echo asleep; sleep {mark}\n"


@pytest.fixture
def mark():
    """A number of seconds that no other test sleeps for."""
    yield f"{os.getpid() % 30_000 + 10_000}.{time.monotonic_ns() % 10**6}"


@pytest.mark.parametrize("raised", [Asked, BuildFailed("The build took longer than 5 s.")])
def test_what_is_asked_to_stop_is_gone(either, mark, raised):
    """A cancel and a time limit come the same way."""
    source = either.source(TOOLS + sleeping(mark))

    def check():
        if "asleep" in either.lines and processes_with(f"sleep {mark}"):
            raise raised

    before = either.leftovers()
    with pytest.raises(type(raised) if isinstance(raised, Exception) else raised):
        either.build(source, app="stopped", check=check)
    wait_for(lambda: not processes_with(f"sleep {mark}"), WITHIN)
    wait_for(lambda: either.leftovers() <= before)


def test_one_that_fails_stops_the_others(workshop, mark):
    source = workshop.source(TOOLS + sleeping(mark), bad=TOOLS + "RUN false\n")
    with pytest.raises(BuildFailed, match="bad: "):
        workshop.build(source, {"web": service(), "bad": service(dockerfile="bad")}, parallel=2)
    wait_for(lambda: not processes_with(mark))


def test_a_worker_that_is_killed_takes_its_build_along(either, mark, tmp_path):
    """kill -9 at the worker: nobody is left to hang up but the kernel."""
    source = either.source(TOOLS + sleeping(mark))
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from tests.images.workshop import Workshop
        workshop = Workshop({either.host!r}, {either.registry!r}, Path({str(tmp_path / "theirs")!r}), {either.client!r})
        workshop.folder.mkdir()
        workshop.build(Path({str(source)!r}), app="killed")
        """
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        wait_for(lambda: processes_with(f"sleep {mark}"))
        worker.send_signal(signal.SIGKILL)
        wait_for(lambda: not processes_with(f"sleep {mark}"), WITHIN)
        wait_for(lambda: not processes_with(str(tmp_path / "theirs")), WITHIN)
    finally:
        worker.kill()
        worker.wait()
    wait_for(lambda: not either.api.containers(all=True))
    # The next worker begins again, and what was done by then is found in the cache.
    (source / "Dockerfile").write_text(TOOLS)
    assert either.build(source, app="killed")


def test_a_build_that_never_stops_talking_can_be_stopped(either, mark):
    source = either.source(TOOLS + f"RUN while true; do echo {mark}; done\n")
    said = []

    def check():
        if len(said) > 10_000:
            raise Asked

    with pytest.raises(Asked):
        either.build(source, say=said.append, check=check)
    wait_for(lambda: not processes_with(mark))


def test_a_large_context_can_be_stopped_on_its_way(workshop):
    """The engine takes it slowly: it is stopped while it is sent."""
    source = workshop.source("FROM scratch\nCOPY large /\n")
    with (source / "large").open("wb") as large:
        large.truncate(3 * 1024**3)
    looks = itertools.count()

    def check():
        if next(looks):
            raise Asked

    with pytest.raises(Asked):
        workshop.build(source, check=check, context_bytes=4 * 1024**3)
    assert not any(line.startswith("Step") for line in workshop.lines)


def test_an_engine_that_dies_in_the_middle(docker_host, registry, busybox, tmp_path, mark):
    if os.environ.get("DOCKER_HOST"):
        pytest.skip("an engine is given, and nobody says that we may start one")
    with Engine() as engine:
        workshop = Workshop(engine.host, registry, tmp_path)

        def check():
            if processes_with(f"sleep {mark}") and engine.process.poll() is None:
                engine.process.kill()

        try:
            with pytest.raises(BuildFailed) as failed:
                workshop.build(workshop.source(TOOLS + sleeping(mark)), check=check)
        finally:
            for left in processes_with(str(engine.folder)):
                os.kill(left, signal.SIGKILL)  # its containers' keepers outlive an engine
            for left in processes_with(f"sleep {mark}"):
                os.kill(left, signal.SIGKILL)
    assert "went away" in failed.value.message and engine.host in failed.value.message
