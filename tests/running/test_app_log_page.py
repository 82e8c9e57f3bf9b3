"""The websocket behind the page of an app's output: what was, what comes, and going on after a break."""

import json
from contextlib import contextmanager

import pytest
from websockets.sync.client import connect as open_websocket
from websockets.typing import Origin


@pytest.fixture
def watch(app):
    cookie = "=".join(app.server.session())

    @contextmanager
    def begin(query=""):
        address = f"{app.server.url.replace('http', 'ws', 1)}/ws/logs/app/{app.name}?{query}"
        headers, origin = {"Cookie": cookie}, Origin(app.server.url)
        with open_websocket(address, additional_headers=headers, origin=origin, proxy=None, open_timeout=30) as socket:
            yield Watched(socket)

    return begin


class Watched:
    def __init__(self, socket):
        self.socket = socket
        self.lines = []

    def until(self, words):
        """All lines up to the one that ends with these words."""
        while not any(line["message"].endswith(words) for line in self.lines):
            self.lines += self.frame()["lines"]
        return self.lines

    def until_live(self):
        while True:
            frame = self.frame()
            self.lines += frame["lines"]
            if frame["live"]:
                return self.lines

    def frame(self):
        return json.loads(self.socket.recv(timeout=30))


def test_what_was_comes_first_and_then_what_comes(app, watch):
    app.release("web", "worker", env={"TOKEN": "very-secret"})
    processes = app.ready(2)
    app.say("one", "two very-secret")
    web = next(process["name"] for process in processes if process["service"] == "web")
    with watch() as all_of_it, watch(f"service=web&process={web}") as one:
        all_of_it.until("two [TOKEN]")
        all_of_it.until_live()
        one.until_live()
        app.say("three")
        heard = one.until("three")
        assert {line["stream"] for line in heard} == {f"service/web/{web}"}
        assert [line["message"] for line in heard] == ["speaking", "one", "two [TOKEN]", "three"]
    # From before the second line on: whoever had one and two leaves them out by their times.
    with watch(f"since={heard[1]['time']}&service=web") as again:
        found = again.until_live()
        assert [line["message"] for line in found if line in heard] == ["one", "two [TOKEN]", "three"]
        assert [line["message"] for line in found if line not in heard] == []


def test_a_process_that_comes_and_one_that_goes_are_quiet_lines(app, watch):
    app.release()
    first = app.ready(1)[0]["name"]
    with watch() as watched:
        watched.until_live()
        app.api.delete(f"/processes/{first}").raise_for_status()
        watched.until(f"{first} is gone.")
        watched.until("has come.")
        (come,) = [line for line in watched.lines if line["message"].endswith("has come.")]
        assert come["stream"] == "system/deployer" and first not in come["message"]
    assert not any("has come" in line for line in app.api.get("/log").text.splitlines())


def test_what_can_t_be_had_is_said_and_final(app, watch):
    app.release()
    app.ready(1)
    with watch("process=nobody") as watched:
        assert watched.frame() == {"words": f"{app.name} has no process nobody.", "final": True}
