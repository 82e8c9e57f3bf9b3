"""What an app's processes write, over the wire: what was, what comes, together and in order."""

import contextlib
import json
import os
import socket
import threading
from pathlib import Path

import httpx
import pytest

from tests.clusters import eventually


def log(app, **query):
    """What is there, as objects."""
    answer = app.api.get("/log", params=query).raise_for_status()
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines() if line]


def messages(found):
    return [line["message"] for line in found]


def said(app, *words, **query):
    """All of these are in the log by now, in this order."""
    eventually(lambda: [text for text in messages(log(app, **query)) if text in words] == list(words))


def speaks(app):
    """Its one process, which is ready and has begun to write: who follows from now on does not hear that."""
    found = app.ready(1)
    said(app, "speaking")
    return found


def is_read(script):
    """Whether a process is there that says what is in it."""
    commands = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            commands.append((entry / "cmdline").read_bytes() if entry.name.isdigit() else b"")
    return any(os.fsencode(script) in command for command in commands)


class Follower:
    """Reads a log that goes on, in a thread."""

    def __init__(self, app, **query):
        self.found = []
        self.app, self.query = app, {"follow": "true", **query}
        self.answer, self.joined = None, threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        assert self.joined.wait(20)

    def _read(self):
        try:
            with self.app.api.stream("GET", "/log", params=self.query, timeout=20) as self.answer:
                for line in self.answer.iter_lines():
                    self.joined.set()  # from the first line on, blank or not, nothing is missed
                    if line:
                        self.found.append(json.loads(line))
        except (httpx.HTTPError, OSError):
            pass  # hung up

    def words(self):
        return messages(self.found)

    def has(self, *words):
        eventually(lambda: set(words) <= set(self.words()), 20)

    def close(self):
        network = self.answer.extensions["network_stream"].get_extra_info("socket")
        with contextlib.suppress(OSError):  # the server was faster
            network.shutdown(socket.SHUT_RDWR)
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def follow(app):
    made = []

    def begin(**query):
        made.append(Follower(app, **query))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_several_processes_are_told_together_in_the_order_of_time(app):
    app.release("web", "worker", count=2)
    names = {one["name"] for one in app.ready(4)}
    eventually(lambda: messages(log(app)) == ["speaking"] * 4)
    app.say("one")
    eventually(lambda: messages(log(app)).count("one") == 4)
    app.say("two")
    eventually(lambda: messages(log(app)).count("two") == 4)
    found = log(app)
    assert messages(found) == ["speaking"] * 4 + ["one"] * 4 + ["two"] * 4
    assert [line["time"] for line in found] == sorted(line["time"] for line in found)
    assert {line["stream"].rpartition("/")[2] for line in found} == names
    assert {line["stream"].split("/")[1] for line in found} == {"web", "worker"}
    assert [line["number"] for line in found] == list(range(1, 13))
    assert {line["stream"].split("/")[1] for line in log(app, service="worker")} == {"worker"}
    one = sorted(names)[0]
    assert messages(log(app, process=one)) == ["speaking", "one", "two"]
    assert messages(log(app, lines=4)) == ["two"] * 4
    assert log(app, lines=0) == []
    second = found[8]["time"]
    assert messages(log(app, since=second)) == ["two"] * 4
    assert len(log(app, since="10m")) == 12 and messages(log(app, since="10m", lines=5)) == ["one", *["two"] * 4]


def test_secrets_are_masked_as_it_was_and_as_it_comes(app, follow):
    app.release(env={"TOKEN": "hush-hush-hush"})
    app.ready(1)
    app.say("it was hush-hush-hush")
    said(app, "it was [TOKEN]")
    following = follow()
    following.has("it was [TOKEN]")
    app.say("it is hush-hush-hush")
    following.has("it is [TOKEN]")


def test_who_follows_gets_what_was_and_what_comes_each_line_once(app, follow):
    app.release()
    app.ready(1)
    app.say(*(f"line {n}" for n in range(300)))
    said(app, "line 299")
    first, second = follow(since="1h"), follow(lines=5)
    second.has("line 299")
    for n in range(300, 900):
        app.say(f"line {n}")
    third = follow(since="1h")
    app.say("last")
    for one, beginning in ((first, 0), (third, 0), (second, 295)):
        one.has("last")
        assert [text for text in one.words() if text != "speaking"] == [
            *(f"line {n}" for n in range(beginning, 900)),
            "last",
        ]
        assert [line["number"] for line in one.found] == list(range(1, len(one.found) + 1))


def test_processes_that_come_are_joined_and_those_that_go_leave(app, follow):
    app.release()
    [old] = speaks(app)
    following = follow(lines=0)
    app.say("before")
    following.has("before")
    assert app.api.delete(f"/processes/{old['name']}").status_code == 204
    [new] = eventually(lambda: [one for one in app.processes() if one["name"] != old["name"]] or None)
    eventually(
        lambda: {line["stream"].rpartition("/")[2] for line in following.found} >= {old["name"], new["name"]}, 20
    )
    eventually(lambda: [one["name"] for one in app.ready(1)] == [new["name"]])
    count = len(following.found)
    app.say("after")
    following.has("after")
    fresh = [line for line in following.found[count:] if line["message"] == "after"]
    assert [line["stream"] for line in fresh] == [f"service/web/{new['name']}"]


def test_a_container_that_is_started_again_goes_on_in_the_same_log_with_its_last_words(app, follow):
    app.release()
    speaks(app)
    following = follow(lines=0)
    app.say("last words", f"crash {app.folder / 'crashed'}")
    eventually(lambda: following.words().count("speaking") == 1, 20)  # it has begun anew, and says all again
    assert following.words() == ["last words", "speaking"] or following.words()[:2] == ["last words", "speaking"]
    eventually(lambda: following.words().count("last words") == 2)
    app.say("second life")
    following.has("second life")
    assert following.words().count("second life") == 1
    # The history, too, has the run before.
    assert messages(log(app)) == ["speaking", "last words", "speaking", "last words", "second life"]


def test_one_upstream_serves_all_who_follow(app, follow):
    app.release()
    speaks(app)
    followers = [follow(lines=0) for _ in range(20)]
    app.say("hello")
    for one in followers:
        one.has("hello")
        assert one.words() == ["hello"]


def test_who_reads_too_slowly_for_what_is_kept_still_gets_each_line_once(app):
    app.release()
    speaks(app)
    count, text = 30_000, "x" * 200
    with app.api.stream("GET", "/log", params={"follow": "true", "lines": 0}, timeout=20) as answer:
        coming = answer.iter_lines()
        next(coming)
        app.say("begin")
        found = [json.loads(line) for line in _until(coming, "begin")]
        app.say(*(f"{n} {text}" for n in range(count)), "end")
        said(app, "end", lines=1)  # all of it was written while nobody read
        found = [json.loads(line)["message"] for line in _until(coming, "end")]
    assert [word.partition(" ")[0] for word in found] == [*(str(n) for n in range(count)), "end"]


def _until(coming, word):
    for line in coming:
        if line:
            yield line
            if json.loads(line)["message"] == word:
                return


def test_a_cluster_that_goes_and_comes_back_loses_nothing(app, process, follow):
    app.release()
    speaks(app)
    following = follow(lines=0)
    app.say("before")
    following.has("before")
    process.stop()
    try:
        eventually(lambda: not is_read(app.script))
        app.say("meanwhile")
        eventually(lambda: any("Waiting for the cluster" in text for text in following.words()), 20)
    finally:
        process.start()
    following.has("The cluster answers again.", "meanwhile")
    app.say("after")
    following.has("after")
    # Its process ended with this cluster, and began anew with it.
    found = [text for text in following.words() if "luster" not in text]
    assert found == ["before", "speaking", "before", "meanwhile", "after"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since": "yesterday"}, "Since when?"),
        ({"since": "99999999999d"}, "Since when?"),
        ({"lines": 5001}, "lines"),
        ({"lines": -1}, "lines"),
        ({"service": "nobody"}, "has no service nobody"),
        ({"process": "nobody"}, "has no process nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(app, query, words):
    app.release(active=False)
    answer = app.api.get("/log", params=query)
    assert answer.status_code == 422 and words in answer.json()["error"]["message"]


def test_an_app_that_never_ran_has_written_nothing(app):
    app.release(active=False)
    assert (
        log(app) == [] and log(app, since="0001-01-01T00:00:00Z") == [] and log(app, since="9999-12-31T23:59:59Z") == []
    )
