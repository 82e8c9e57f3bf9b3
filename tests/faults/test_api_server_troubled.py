"""The API server is slow, busy, forgetful, silent, gone: rollouts wait for it, say so, and end as they should."""

import signal
import time
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.faults import judge, troubles
from tests.faults.crew import Crew, send
from tests.faults.fronted_house import FrontedHouse
from tests.faults.subject import KINDS, SLOW_KINDS, Kind, Run, Subject
from tests.faults.troubles import Trouble
from tests.journeys.app import App
from tests.journeys.waiting import until

Record = Callable[[str, object], None]
SEED = 4
WATCHES = 5  # of a worker, at least
TROUBLES: dict[str, Callable[[], Trouble]] = {
    "watches expire (410)": lambda: troubles.Expired(),
    "streams cut every 5 s": lambda: troubles.CutStreams(5),
    "streams cut every second": lambda: troubles.CutStreams(1),
    "silent streams": lambda: troubles.SilentStreams(quiet=True),
    "busy, try again in 2 s (429)": lambda: troubles.Refusals(429, times=8, retry_after=2),
    "each third is too much (429)": lambda: troubles.Refusals(429, every=3),
    "errors for a while (500)": lambda: troubles.Refusals(500, times=12),
    "each third fails (500)": lambda: troubles.Refusals(500, every=3),
    "not ready for a while (503)": lambda: troubles.Refusals(503, times=12),
    "slow answers": lambda: troubles.Slow(2, seed=SEED),
    "lost answers": lambda: troubles.LostAnswers(),
    "events twice, out of order": lambda: troubles.Disorder(),
    "clock 5 minutes ahead": lambda: troubles.OtherClock(5),
    "clock 5 minutes behind": lambda: troubles.OtherClock(-5),
    "stale lists": lambda: troubles.StaleLists(3),
}
name_of = attrgetter("name")
SLUGS = {name: "".join(letter if letter.isalnum() else "_" for letter in name) for name in TROUBLES}


LONGER = {"streams cut every 5 s": {"PAUSE": "2.7"}}
# A release command adds few requests of its own to those of an update.
WITH_COMMAND = ("streams cut every second", "each third fails (500)", "lost answers", "clock 5 minutes ahead")
CASES = [
    pytest.param(name, kind, id=f"{SLUGS[name]}-{kind.name}")
    for name in TROUBLES
    for kind in SLOW_KINDS
    if not kind.has_command or name in WITH_COMMAND
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_troubled(
    name: str, kind: Kind, house: FrontedHouse, subject_of: Any, reference_of: Any, record_property: Record
) -> None:
    record_property("fault", f"API: {name}")
    reference, trouble = reference_of(kind), TROUBLES[name]()
    assert house.proxy
    with house.proxy.suffers(trouble):
        if trouble.of_streams:
            until(lambda: trouble.met >= WATCHES, "watches", tell=house.log_tail)
        run = subject_of(kind).begin(**LONGER.get(name, {}))
        run.ended(seconds=120)
    assert trouble.struck, "the trouble did not come about"
    judge.expect_right(run, reference)


@pytest.mark.parametrize("kind", SLOW_KINDS, ids=name_of)
def test_streams_fall_silent_while_it_rolls(
    kind: Kind, house: FrontedHouse, subject_of: Any, reference_of: Any, record_property: Record
) -> None:
    record_property("fault", "API: streams fall silent while it rolls")
    reference, trouble = reference_of(kind), troubles.SilentStreams(quiet=False)
    assert house.proxy
    with house.proxy.suffers(trouble):
        until(lambda: trouble.met >= WATCHES, "watches", tell=house.log_tail)
        run = subject_of(kind).begin()
        run.reaches_line(4)
        trouble.quiet = True
        run.ended(seconds=120)
    assert trouble.struck, "nothing was kept back"
    judge.expect_right(run, reference)


# --- Away for a while -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [1, 6, 12], ids=lambda line: f"line_{line:02}")
@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_refuses_connections(
    kind: Kind, line: int, house: FrontedHouse, subject_of: Any, reference_of: Any, record_property: Record
) -> None:
    """From that line of the log on, and until the log says what it waits for."""
    record_property("fault", "API: connections are refused")
    reference = reference_of(kind)
    run = _begun_and_cut_off(house, subject_of(kind), line)
    run.ended()
    judge.expect_right(run, reference)
    assert _says(run, "answers again"), run.log()


def _begun_and_cut_off(house: FrontedHouse, subject: Subject, line: int, **variables: str) -> Run:
    assert house.proxy
    run = subject.begin(**variables)
    reached = run.reaches_line(line)
    house.proxy.shut()
    try:
        if not reached or run.is_over():
            pytest.skip("the rollout was over before the cluster could be cut off")
        until(lambda: _says(run, "Waiting for") or run.is_over(), "a word of the wait", tell=lambda: str(run.log()))
        assert not run.is_over(), run.app.rollout(run.number)
    finally:
        house.proxy.open()
    return run


def _says(run: Run, words: str) -> bool:
    return any(words in line["message"] for line in run.log() if line["stream"] == "system/deployer")


def _has_looked_again(run: Run) -> bool:
    """What happened in the cluster meanwhile is told right before it is judged."""
    after_wait = False
    for line in run.log():
        after_wait = after_wait or "answers again" in line["message"]
        if after_wait and line["stream"].startswith("system/k8s/web"):
            return True
    return False


DEADLINE = 10  # seconds


@pytest.fixture
def gated(house: FrontedHouse, tmp_path: Path) -> Any:
    """Its new processes serve once the test opens the gate, and must do so within DEADLINE seconds."""
    subject = Subject(house, Kind("gated", "succeeded", lines=30), tmp_path, deadline=DEADLINE)
    yield subject
    _remove(subject.app)


def _remove(app: App) -> None:
    app.house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})


@pytest.mark.parametrize("worker", ["same_worker", "other_worker"])
def test_the_deadline_stands_still_while_it_is_away(
    worker: str, gated: Subject, house: FrontedHouse, crew: Crew, tmp_path: Path, record_property: Record
) -> None:
    """Away for longer than the whole deadline; and the worker that knew since when may die meanwhile."""
    record_property("fault", "API: away for longer than the deadline")
    gate = tmp_path / "open"
    run = gated.begin(GATE=str(gate))
    run.reaches_line(4)
    assert house.proxy
    house.proxy.shut()
    try:
        until(lambda: _says(run, "Waiting for"), "a word of the wait")
        if worker == "other_worker":
            workers = [process.pid for process in crew.present()]
            send(workers, signal.SIGKILL)
            crew.replace(workers)
        until(lambda: _age(run) > 1.5 * DEADLINE, "a long absence", seconds=60)
        assert not run.is_over(), run.app.rollout(run.number)
    finally:
        house.proxy.open()
    until(lambda: _has_looked_again(run) or run.is_over(), "a look after the wait", seconds=40)
    gate.touch()
    rollout = run.ended()
    assert rollout["status"] == "succeeded", rollout
    judge.expect_right(run, run.log())


def _age(run: Run) -> float:
    """Seconds since it began."""
    return time.time() - run.begun


def test_after_the_wait_the_deadline_still_holds(
    gated: Subject, house: FrontedHouse, tmp_path: Path, record_property: Record
) -> None:
    record_property("fault", "API: away for a while, and never ready")
    run = _begun_and_cut_off(house, gated, 5, GATE=str(tmp_path / "never"))
    rollout = run.ended()
    assert (rollout["status"], rollout["cause"]) == ("rolled_back", "never_ready"), rollout
    assert run.app.release == run.before
