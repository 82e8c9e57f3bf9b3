"""Logs as they grow, from a real server: streaming is nothing that a test client would show."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.web_server import WebServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    server.behind("actions.create_app('shop', by=policy.SYSTEM)")
    yield server
    server.close()


@pytest.fixture
def build(server: WebServer) -> str:
    """A running build whose log has three lines."""
    return server.behind(
        """
        build = Build.objects.create(app=App.objects.get(), by_label="tests")
        build.transition("running")
        logs.append(build, [Line("build", f"line {n}") for n in range(1, 4)])
        answer = build.pk
        """
    )


@pytest.fixture
def client(server: WebServer) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{server.url}/api/apps/shop", headers={"Authorization": f"Bearer {server.token}"}, timeout=60
    ) as client:
        yield client


def test_the_log_after_a_number(client: httpx.Client, build: str) -> None:
    answer = client.get(f"/builds/{build}/log?after=1")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [(line["number"], line["stream"], line["message"]) for line in lines] == [
        (2, "build", "line 2"),
        (3, "build", "line 3"),
    ]
    assert lines[0]["time"].endswith("Z")
    assert client.get(f"/builds/{build}/log?after=3").text == ""


def test_a_long_log_comes_whole(server: WebServer, client: httpx.Client, build: str) -> None:
    server.behind(f"logs.append(Build.objects.get(pk={build!r}), [Line('build', 'x')] * 2500)")
    numbers = [json.loads(line)["number"] for line in client.get(f"/builds/{build}/log").text.splitlines()]
    assert numbers == list(range(1, 2504))


def test_who_follows_gets_lines_as_they_come_and_the_end(server: WebServer, client: httpx.Client, build: str) -> None:
    with client.stream("GET", f"/builds/{build}/log?follow=true&after=2") as answer:
        lines = (json.loads(line)["message"] for line in answer.iter_lines() if line)
        assert next(lines) == "line 3"
        server.behind(f"logs.append(Build.objects.get(pk={build!r}), [Line('build', 'fresh')])")
        assert next(lines) == "fresh"
        server.behind(
            f"""
            build = Build.objects.get(pk={build!r})
            logs.append(build, [Line("build", "last")])
            build.transition("failed")
            """
        )
        assert list(lines) == ["last"]


def test_a_finished_log_is_not_waited_for(server: WebServer, client: httpx.Client, build: str) -> None:
    server.behind(f"Build.objects.get(pk={build!r}).transition('failed')")
    answer = client.get(f"/builds/{build}/log?follow=true&after=999999")
    assert answer.status_code == 200 and answer.text.strip() == ""
