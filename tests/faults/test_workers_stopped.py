"""All workers are stopped at each line of the log of a rollout. It goes on, and ends as if nothing had been."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import judge
from tests.faults.crew import Crew, send
from tests.faults.subject import KINDS, OVER, Kind, Run, Subject
from tests.journeys.waiting import until

Record = Callable[[str, object], None]


def each_line(*, step: int = 1) -> pytest.MarkDecorator:
    """Of the logs of all kinds; or each `step`-th, where each costs too much time."""
    lines = [(kind, line) for kind in KINDS for line in range(1, kind.lines + 1, step)]
    return pytest.mark.parametrize(("kind", "line"), lines, ids=[f"{kind.name}-line_{line:02}" for kind, line in lines])


@pytest.fixture
def run_to(
    subject_of: Callable[[Kind], Subject], reference_of: Callable[[Kind], Any], crew: Crew
) -> Callable[[Kind, int], tuple[Run, list[int]]]:
    """A rollout that has just got to that line, and the workers that there are."""

    def begin(kind: Kind, line: int) -> tuple[Run, list[int]]:
        reference = reference_of(kind)
        if line > len(reference):
            pytest.skip(f"the log of an undisturbed {kind.name} has {len(reference)} lines")
        subject = subject_of(kind)
        workers = [process.pid for process in crew.present()]
        run = subject.begin()
        reached = run.reaches_line(line)
        if not reached:
            run.ended()
            pytest.skip(f"this time it ended with line {run.lines()}")
        return run, workers

    return begin


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_line_is_among_those_tried(
    kind: Kind, reference_of: Callable[[Kind], Any], record_property: Record
) -> None:
    record_property("fault", f"{kind.name}: undisturbed")
    assert len(reference_of(kind)) <= kind.lines


@each_line()
def test_killed(kind: Kind, line: int, run_to: Any, reference_of: Any, crew: Crew, record_property: Record) -> None:
    record_property("fault", f"{kind.name}: workers killed (SIGKILL)")
    run, known = run_to(kind, line)
    epoch = run.state()[1]
    crew.replace(crew.strike(known, signal.SIGKILL))
    run.ended()
    judge.expect_right(run, reference_of(kind))
    if run.state()[1] == epoch and line < len(reference_of(kind)):
        pytest.skip("it was over before they were dead")


@each_line(step=3)
def test_asked_to_end(
    kind: Kind, line: int, run_to: Any, reference_of: Any, crew: Crew, record_property: Record
) -> None:
    record_property("fault", f"{kind.name}: workers asked to end (SIGTERM)")
    run, known = run_to(kind, line)
    epoch = run.state()[1]
    workers = crew.strike(known, signal.SIGTERM)
    until(lambda: not set(workers) & {process.pid for process in crew.present()}, "the end of the workers")
    status, now, _ = run.state()
    crew.replace(workers)
    run.ended()
    judge.expect_right(run, reference_of(kind))
    assert status in OVER or now > epoch, "they ended without handing it over"


@each_line(step=3)
def test_put_to_sleep(
    kind: Kind, line: int, run_to: Any, reference_of: Any, crew: Crew, record_property: Record
) -> None:
    """Longer than a heartbeat may fail: another takes over. The sleepers wake up beside it, and must not write."""
    record_property("fault", f"{kind.name}: workers asleep for a while (SIGSTOP)")
    run, known = run_to(kind, line)
    epoch = run.state()[1]
    workers = crew.strike(known, signal.SIGSTOP)
    try:
        if run.app.house.is_locked():
            pytest.skip("asleep in the middle of a write: SQLite lets nobody else write until they wake")
        crew.hire()
        until(lambda: _is_taken_over(run, epoch), "another worker", seconds=30, tell=lambda: str(run.state()))
    finally:
        send(workers, signal.SIGCONT)
    run.ended()
    judge.expect_right(run, reference_of(kind))
    last = run.state()[1]
    stamps = {obj["metadata"]["annotations"]["deployer/epoch"] for obj in run.app.objects("deployments")}
    assert last == epoch or stamps == {f"{run.number}.{last}"}, "a sleeper wrote to the cluster after it woke up"
    send(workers, signal.SIGKILL)


def _is_taken_over(run: Run, epoch: int) -> bool:
    status, now, taken = run.state()
    return (now > epoch and taken) or status in OVER
