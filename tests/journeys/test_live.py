"""Lines arrive as they come about, each of them once, however often a client connects."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import Session, is_gap_free
from tests.journeys.house import House


@pytest.fixture(scope="module")
def session(house: House) -> Session:
    return house.session()


def frames(session: Session, path: str) -> Iterator[tuple[list[dict[str, Any]], bool]]:
    """(lines, finished) of each frame, as it comes."""
    with session.websocket(path) as socket:
        while True:
            frame = json.loads(socket.recv(timeout=30))
            yield frame["lines"], frame["finished"]
            if frame["finished"]:
                return


def test_a_websocket_gets_each_line_as_it_comes(app: App, session: Session, tmp_path: Path) -> None:
    go = tmp_path / "go"
    number = app.promote(app.built(sources.held(tmp_path / "v1", "v1", go)))
    received: list[dict[str, Any]] = []
    statuses = []
    for lines, finished in frames(session, f"/ws/logs/rollout/{app.name}.{number}"):
        received += lines
        if not finished:
            statuses.append(app.rollout(number)["status"])
            go.touch()
    assert statuses[0] != "succeeded", "the first lines came only when all was over"
    assert len(statuses) > 1
    assert received == app.log(f"/rollouts/{number}") and is_gap_free(received)


@pytest.mark.database
def test_a_websocket_that_connects_again_gets_each_line_once(app: App, session: Session, tmp_path: Path) -> None:
    number = app.promote(app.built(sources.serving(tmp_path / "v1", "v1")))
    received: list[dict[str, Any]] = []
    finished = False
    while not finished:
        after = received[-1]["number"] if received else 0
        # One frame, and away.
        lines, finished = next(frames(session, f"/ws/logs/rollout/{app.name}.{number}?after={after}"))
        received += lines
    assert received == app.log(f"/rollouts/{number}") and is_gap_free(received)


def test_the_api_follows_and_goes_on_where_it_was(app: App, tmp_path: Path) -> None:
    number = app.promote(app.built(sources.serving(tmp_path / "v1", "v1")))
    received: list[dict[str, Any]] = []
    path = f"/apps/{app.name}/rollouts/{number}/log"
    for wanted in (1, 3, 10_000):
        query: dict[str, Any] = {"after": len(received), "follow": "true"}
        with app.house.api.stream("GET", path, params=query, timeout=30) as answer:
            received += first_lines(answer, wanted)
    assert app.rollout(number)["status"] == "succeeded"
    assert received == app.log(f"/rollouts/{number}") and is_gap_free(received)


def first_lines(answer: httpx.Response, wanted: int) -> list[dict[str, Any]]:
    lines = []
    for text in answer.iter_lines():
        if text.strip():
            lines.append(json.loads(text))
        if len(lines) == wanted:
            break
    return lines


def test_a_build_s_log_is_live_too(app: App, session: Session, tmp_path: Path) -> None:
    release = app.built(sources.serving(tmp_path / "v1", "v1"))
    build = app.get(f"/releases/{release}")["build"]
    received = [line for lines, _ in frames(session, f"/ws/logs/build/{build}") for line in lines]
    assert received == app.log(f"/builds/{build}") and is_gap_free(received)
    assert {line["stream"] for line in received} == {"build"}


def test_values_of_variables_never_reach_a_log(app: App, tmp_path: Path) -> None:
    text = sources.manifest(environment=["TOKEN"])
    text["services"]["web"]["deployment"] = {"exits": 1}
    program = "import os\nprint('token', os.environ['TOKEN'], flush=True)\nraise SystemExit(1)\n"
    source = sources.write(tmp_path / "crash", text, {"server.py": program})
    assert app.command("env", "set", "TOKEN=s3cret-value").status == 0
    told = app.deploy(source)
    assert told.status == 1 and "token [TOKEN]" in told.all
    assert "s3cret-value" not in told.all
    assert "s3cret-value" not in json.dumps([app.rollout(), list(app.all_logs())])
