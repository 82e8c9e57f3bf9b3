"""Runs only when asked for by name (`make faults`): all of it takes minutes. Ends with a summary by kind of fault."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crew import Crew
from tests.faults.fronted_house import FrontedHouse
from tests.faults.subject import Kind, Subject

HERE = Path(__file__).parent
logging.getLogger("httpx").setLevel(logging.WARNING)
_seen: list[pytest.TestReport] = []
OUTCOMES = ("passed", "failed", "skipped")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: what goes wrong in clusters and workers; run by `make faults`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = [Path(config.invocation_params.dir, str(argument).split("::")[0]) for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in asked) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(150))


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontedHouse]:
    house = FrontedHouse(tmp_path_factory.mktemp("house"))
    try:
        house.start()
        yield house
        assert house.stop() == []
    finally:
        house.stop()


@pytest.fixture(scope="session")
def crew(house: FrontedHouse) -> Iterator[Crew]:
    crew = Crew(house)
    yield crew
    crew.dismiss()


@pytest.fixture(scope="session")
def subject_of(house: FrontedHouse, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Subject]:
    """One app for each kind of rollout, with a release that runs."""
    known: dict[str, Subject] = {}

    def find(kind: Kind) -> Subject:
        if kind.name not in known:
            known[kind.name] = Subject(house, kind, tmp_path_factory.mktemp(kind.name))
        return known[kind.name]

    return find


@pytest.fixture(scope="session")
def reference_of(subject_of: Callable[[Kind], Subject]) -> Callable[[Kind], list[dict[str, Any]]]:
    """The log of an undisturbed rollout of each kind."""
    known: dict[str, list[dict[str, Any]]] = {}

    def find(kind: Kind) -> list[dict[str, Any]]:
        if kind.name not in known:
            run = subject_of(kind).begin()
            rollout = run.ended()
            assert rollout["status"] == kind.status, rollout
            known[kind.name] = run.log()
        return known[kind.name]

    return find


# --- The summary ----------------------------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "tests/faults/" in report.nodeid and (report.when == "call" or report.outcome != "passed"):
        _seen.append(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _seen or hasattr(terminalreporter.config, "workerinput"):
        return
    groups: dict[str, list[pytest.TestReport]] = defaultdict(list)
    for report in _seen:
        groups[str(dict(report.user_properties).get("fault", report.nodeid.split("::")[1]))].append(report)
    write = terminalreporter.write_line
    terminalreporter.section("faults")
    width = max(map(len, groups))
    write(f"{'':<{width}}  runs  right  wrong  not met   seconds")
    for name, reports in groups.items():
        by = {outcome: [report for report in reports if report.outcome == outcome] for outcome in OUTCOMES}
        right, wrong, unmet = (len(by[outcome]) for outcome in OUTCOMES)
        seconds = sum(report.duration for report in reports)
        write(f"{name:<{width}}  {len(reports):>4}  {right:>5}  {wrong:>5}  {unmet:>7}  {seconds:>8.0f}")
    for report in _seen:
        if report.outcome == "failed":
            write(f"again: make faults FAULTS=\"-k '{_choice(report)}'\"")


def _choice(report: pytest.TestReport) -> str:
    """An expression for -k that this test alone fulfils."""
    name = report.nodeid.split("::")[-1]
    words, _, parameters = name.rstrip("]").partition("[")
    return " and ".join([words, *(part for part in parameters.split("-") if part)])
