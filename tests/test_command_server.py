"""How the command bears with a server that is busy, restarts or loses an answer: against one that does so."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import odd_api
from tests.odd_api import CUT, Answer, Odd

ROLLOUT = {"number": 7, "release": "RABCDEFGHIJ", "app": "shop", "status": "queued"}


@pytest.fixture
def odd() -> Iterator[Odd]:
    with odd_api.serving() as odd:
        yield odd


@pytest.fixture
def run(odd: Odd, tmp_path: Path) -> Callable[..., Any]:
    return lambda *arguments: odd.command(*arguments, cwd=tmp_path)


def error(code: str, message: str = "So it is.") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "reasons": []}}


# What is asked before anything is packed.
MAY_BUILD: dict[str, list[Answer]] = {
    "GET /api/me": [(200, {"apps": None, "withheld": {}}, {})],
    "GET /api/apps/shop/lock": [(200, {"locked": False}, {})],
}
PROMOTE = "POST /api/apps/shop/releases/RABCDEFGHIJ/promote"
PROMOTED = ("releases", "promote", "RABCDEFGHIJ", "-a", "shop", "--no-wait", "-q")


@pytest.mark.parametrize(
    "lost",
    [
        CUT,
        (502, b"<html>no upstream</html>", {}),
        (409, error("in_progress"), {}),
        (503, error("database_away"), {"Retry-After": "5"}),
    ],
    ids=["cut", "a proxy's 502", "still being carried out", "the database went"],
)
def test_a_lost_answer_is_asked_for_again_under_the_same_key(odd: Odd, run: Callable[..., Any], lost: Answer) -> None:
    odd.answers = {PROMOTE: [lost, lost, (201, ROLLOUT, {"Idempotent-Replayed": "true"})]}
    told = run(*PROMOTED)
    assert (told.returncode, told.stdout) == (0, "7\n"), told.stderr
    keys = [key for key, _ in odd.of(PROMOTE)]
    assert len(keys) == 3 and len(set(keys)) == 1 and keys[0]
    run(*PROMOTED)
    assert odd.of(PROMOTE)[-1][0] not in keys  # another intention


def test_an_upload_is_sent_anew_from_its_beginning(odd: Odd, run: Callable[..., Any], tmp_path: Path) -> None:
    builds = "POST /api/apps/shop/builds"
    odd.answers = {**MAY_BUILD}
    odd.answers[builds] = [CUT, (201, {"id": "BABCDEFGHIJ"}, {})]
    (tmp_path / "deployer.yml").write_text("services: {}\n" * 10_000)
    told = run("build", ".", "-a", "shop", "--no-wait", "-q")
    assert (told.returncode, told.stdout) == (0, "BABCDEFGHIJ\n"), told.stderr
    (first, cut), (second, whole) = odd.of(builds)
    archives = [body[body.index(b"\x1f\x8b") :].partition(body.split(b"\r\n")[0])[0] for body in (cut, whole)]
    assert first == second and archives[0] == archives[1]


def test_what_has_no_key_is_not_asked_twice(odd: Odd, run: Callable[..., Any]) -> None:
    odd.answers = {"POST /api/apps": [CUT]}
    told = run("apps", "create", "shop")
    assert told.returncode == 4 and len(odd.of("POST /api/apps")) == 1


def test_too_many_requests_are_waited_for(odd: Odd, run: Callable[..., Any]) -> None:
    busy = (429, error("too_many_requests"), {"Retry-After": "1"})
    odd.answers = {"GET /api/apps": [busy, busy, (200, {"items": [], "next": None}, {})]}
    told = run("apps", "--json")
    assert (told.returncode, told.stdout) == (0, "[]\n")
    assert told.stderr.count("has had too many requests: going on in 1 s") == 2


def test_but_not_for_an_hour(odd: Odd, run: Callable[..., Any]) -> None:
    odd.answers = {"GET /api/apps": [(429, error("too_many_requests"), {"Retry-After": "3600"})]}
    told = run("apps")
    assert told.returncode == 1 and "So it is." in told.stderr and len(odd.asked) == 1


def test_a_log_goes_on_behind_its_last_line(odd: Odd, run: Callable[..., Any]) -> None:
    """Two lines have the time at which the connection broke; one of them had come."""

    def lines(*words: str, time: str) -> bytes:
        said = [{"number": 1, "time": time, "stream": "service/web/web-1", "message": word} for word in words]
        return "".join(json.dumps(line) + "\n" for line in said).encode()

    log, at = "GET /api/apps/shop/log", "2026-03-18T14:30:49.5Z"
    failed = json.dumps(error("cluster_unavailable", "The cluster is away.")).encode() + b"\n"
    odd.answers = {
        log: [
            (200, lines("one", time="2026-03-18T14:30:48Z") + lines("two", "two", time=at), {}),
            CUT,
            (200, lines("two", "two", "two", "three", time=at), {}),
            (200, failed, {}),
        ],
        "GET /api/server": [(200, {}, {})],
    }
    told = run("logs", "-a", "shop", "--follow")
    assert [line.split()[-1] for line in told.stdout.splitlines()] == ["one", "two", "two", "two", "three"]
    assert told.returncode == 1 and told.stderr.count("was lost") == 1 and "The cluster is away." in told.stderr


def test_a_server_that_was_there_a_moment_ago_is_waited_for(odd: Odd, run: Callable[..., Any], tmp_path: Path) -> None:
    """It restarts, which takes longer than anybody waits for one that was never there."""
    away = (503, error("busy"), {})
    odd.answers = {
        **MAY_BUILD,
        "POST /api/apps/shop/builds": [away, away, away, away, (201, {"id": "BABCDEFGHIJ"}, {})],
    }
    (tmp_path / "deployer.yml").write_text("services: {}\n")
    told = run("deploy", ".", "-a", "shop", "--no-wait", "-q")
    assert (told.returncode, told.stdout) == (0, "BABCDEFGHIJ\n"), told.stderr
    assert told.stderr.count("trying again for a minute") == 1


def test_so_it_is_by_who_follows_a_log(odd: Odd, run: Callable[..., Any]) -> None:
    last = json.dumps(error("cluster_unavailable", "The cluster is away.")).encode() + b"\n"
    odd.answers = {
        "GET /api/apps/shop/log": [CUT, (200, last, {})],
        "GET /api/server": [CUT, CUT, CUT, CUT, (200, {}, {})],
    }
    told = run("logs", "-a", "shop", "-f")
    assert told.returncode == 1 and "The cluster is away." in told.stderr, told.stderr
    assert told.stderr.count("trying again for a minute") == 1


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (b'{"number": 1, "time": "t", "stream": "run/web/x", "message": "hello"}\n{"exit": 0}\n', 0, ""),
        (b'{"exit": 3}\n', 1, "migrate exited with 3."),
        (
            b'{"number": 1, "time": "t", "stream": "system/deployer", "message": "Waiting: x"}\n',
            4,
            "with it the command",
        ),
        (json.dumps(error("timeout", "It took too long.")).encode() + b"\n", 1, "It took too long."),
    ],
)
def test_a_command_s_end_is_told(odd: Odd, run: Callable[..., Any], answer: bytes, status: int, words: str) -> None:
    odd.answers = {
        "GET /api/apps/shop": [(200, {"release": "RABCDEFGHIJ"}, {})],
        "POST /api/apps/shop/releases/RABCDEFGHIJ/run": [(200, b"\n" + answer, {})],
    }
    told = run("run", "-a", "shop", "migrate")
    assert (told.returncode, words in told.stderr) == (status, True), told.stderr
    assert told.stdout == ("hello\n" if status == 0 else "")
    assert ("Waiting: x" in told.stderr) == (status == 4)
    if b'exit": 3' in answer:
        assert run("run", "-a", "shop", "--exit-code", "--service", "web", "migrate").returncode == 3
        assert json.loads(odd.asked[-1][2]) == {"command": "migrate", "timeout": 3600, "service": "web"}


def test_a_proxy_s_page_is_no_deployer(odd: Odd, run: Callable[..., Any]) -> None:
    odd.answers = {"GET /api/apps": [(404, b"<html>", {})]}
    told = run("apps")
    assert told.returncode == 4 and "is no Deployer" in told.stderr
