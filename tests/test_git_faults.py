"""Secrets, several at once, deaths half way, and a cache that stays within its bound."""

import base64
import ipaddress
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from releases.clients.git import Limits, Policy, Repository, Token
from releases.errors import SourceFailed
from tests.git_server import Origin, serving

HERE = Policy(frozenset({"http"}), (ipaddress.ip_network("127.0.0.0/8"),))
SECRET = "ghp_verysecret0123456789"
SECONDS = 40


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "served")


@pytest.fixture
def server(origin):
    with serving(origin.folder.parent) as server:
        yield server


@pytest.fixture
def repository(server, tmp_path):
    def make(name="app.git", **given):
        return Repository(server.url(name), **{"cache": tmp_path / "cache", "policy": HERE, **given})

    return make


def export(repository, commit, folder, say=lambda line: None):
    folder.mkdir()
    return repository.export(commit, folder, say=say)


def until(fact):
    end = time.monotonic() + SECONDS
    while not fact():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def command_lines() -> dict[int, str]:
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return found


def running(port: int) -> list[int]:
    """Programs with the server's address among their arguments: the fetching Gits, their guards and helpers."""
    return [pid for pid, line in command_lines().items() if f"127.0.0.1:{port}/" in line and "git" in line]


def in_background(call):
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def test_a_token_is_in_no_argument_list_no_log_no_file_and_no_error(origin, server, repository, tmp_path):
    commit, said = origin.commit({"a": "1"}), []
    server.token, server.stalls = SECRET, True
    ours = repository(credentials=Token(SECRET))
    fetching = in_background(lambda: export(ours, commit, tmp_path / "out", said.append))
    assert server.stalled.wait(SECONDS)
    encoded = base64.b64encode(f"x-access-token:{SECRET}".encode()).decode()
    lines = [line for pid, line in command_lines().items() if pid != os.getpid()]
    assert running(server.port)
    assert not [line for line in lines if SECRET in line or encoded in line]
    server.go_on.set()
    fetching.join(SECONDS)
    assert (tmp_path / "out/a").read_text() == "1"
    assert f"Basic {encoded}" in [authorization for _, authorization in server.asked]
    for file in [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]:
        assert SECRET.encode() not in file.read_bytes()
    assert SECRET not in "".join(said)


def test_some_who_want_the_same_at_the_same_instant_fetch_it_once(origin, server, repository, tmp_path):
    commit, start = origin.commit({"a": "1"}), threading.Barrier(3)

    def want(number):
        start.wait()
        export(repository(), commit, tmp_path / str(number))

    for thread in [in_background(lambda number=number: want(number)) for number in range(3)]:
        thread.join(SECONDS)
    assert [(tmp_path / f"{number}/a").read_text() for number in range(3)] == ["1"] * 3
    assert server.packs == 1


def test_a_slow_repository_holds_up_nobody_but_those_who_want_it_and_they_wait_only_so_long(
    origin, server, repository, tmp_path
):
    slow = origin.commit({"a": "1"})
    other = Origin(tmp_path / "served", "other.git").commit({"b": "2"})
    server.stalls = True
    fetching = in_background(lambda: export(repository(), slow, tmp_path / "slow"))
    assert server.stalled.wait(SECONDS)
    server.stalls = False
    export(repository("other.git"), other, tmp_path / "other")
    with pytest.raises(SourceFailed, match=r"busy with this repository for 0\.2 s") as busy:
        export(repository(limits=Limits(wait_seconds=0.2)), slow, tmp_path / "second")
    assert (busy.value.cause, busy.value.passing) == ("busy", True)
    server.go_on.set()
    fetching.join(SECONDS)
    assert (tmp_path / "slow/a").exists()


class Stopped(Exception):
    pass


def test_who_stops_it_ends_all_that_was_started(origin, server, repository, tmp_path):
    commit = origin.commit({"a": "1"})
    server.stalls = True

    def stop():
        if server.stalled.is_set():
            raise Stopped

    with pytest.raises(Stopped):
        export(repository(stop=stop), commit, tmp_path / "out")
    until(lambda: not running(server.port))
    server.stalls = False
    export(repository(), commit, tmp_path / "again")


def test_a_fetch_that_stalls_ends_with_its_time(origin, server, repository, tmp_path):
    commit = origin.commit({"a": "1"})
    server.stalls = True
    with pytest.raises(SourceFailed, match=r"longer than 1 s") as late:
        export(repository(limits=Limits(seconds=1.0)), commit, tmp_path / "out")
    assert (late.value.cause, late.value.passing) == ("timeout", True)
    until(lambda: not running(server.port))


WORKER = """
import ipaddress, sys
from pathlib import Path
from releases.clients.git import Policy, Repository
url, cache, commit, folder = sys.argv[1:]
policy = Policy(frozenset({"http"}), (ipaddress.ip_network("127.0.0.0/8"),))
Repository(url.replace("HOST", "127.0.0.1"), cache=Path(cache), policy=policy).export(commit, Path(folder), say=print)
"""


def test_a_worker_killed_half_way_leaves_no_program_no_lock_and_nothing_that_hinders(
    origin, server, repository, tmp_path
):
    commit = origin.commit({"a": "1"})
    (tmp_path / "out").mkdir()
    server.stalls = True
    url = server.url().replace("127.0.0.1", "HOST")
    words = [sys.executable, "-c", WORKER, url, str(tmp_path / "cache"), commit, str(tmp_path / "out")]
    worker = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        assert server.stalled.wait(SECONDS)
        assert running(server.port)
        mirror = next((tmp_path / "cache").glob("*.git"))
        (mirror / "shallow.lock").touch()
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    until(lambda: not running(server.port))
    server.stalls = False
    export(repository(limits=Limits(wait_seconds=0)), commit, tmp_path / "again")
    assert (tmp_path / "again/a").read_text() == "1"


@pytest.mark.parametrize("harmed", ["objects/pack/*", "shallow", "HEAD"])
def test_a_mirror_that_is_not_sound_is_made_anew(origin, repository, tmp_path, harmed):
    first, second = origin.commit({"a": "1"}), origin.commit({"a": "2"})
    export(repository(), first, tmp_path / "first")
    for commit in (second, first):
        mirror = next((tmp_path / "cache").glob("*.git"))
        for file in mirror.glob(harmed):
            file.chmod(0o600)
            file.write_bytes(b"rubbish")
        export(repository(), commit, tmp_path / commit)
    assert [(tmp_path / commit / "a").read_text() for commit in (first, second)] == ["1", "2"]


def test_the_least_recently_used_go_when_there_is_too_much(origin, server, repository, tmp_path):
    commits = {"app.git": origin.commit({"a": os.urandom(100_000)})}
    for name in ("second.git", "third.git"):
        commits[name] = Origin(tmp_path / "served", name).commit({"a": os.urandom(100_000)})
    order = ["app.git", "second.git", "app.git", "third.git"]
    for number, name in enumerate(order):
        export(repository(name, cache_bytes=400_000 if number < 3 else 300_000), commits[name], tmp_path / str(number))
    assert server.packs == 3
    export(repository("app.git"), commits["app.git"], tmp_path / "kept")
    assert server.packs == 3
    export(repository("second.git"), commits["second.git"], tmp_path / "fetched")
    assert server.packs == 4


def test_a_mirror_in_use_is_not_removed(origin, server, repository, tmp_path):
    slow = origin.commit({"a": os.urandom(1000)})
    other = Origin(tmp_path / "served", "other.git").commit({"b": "2"})
    server.stalls = True
    fetching = in_background(lambda: export(repository(), slow, tmp_path / "slow"))
    assert server.stalled.wait(SECONDS)
    server.stalls = False
    export(repository("other.git", cache_bytes=0), other, tmp_path / "other")
    server.go_on.set()
    fetching.join(SECONDS)
    assert (tmp_path / "slow/a").exists()
    assert len(list((tmp_path / "cache").glob("*.git"))) == 1


def test_a_repository_larger_than_the_whole_cache_is_built_all_the_same(origin, repository, tmp_path):
    commit = origin.commit({"a": "1"})
    export(repository(cache_bytes=0), commit, tmp_path / "out")
    assert (tmp_path / "out/a").read_text() == "1"
    assert not list((tmp_path / "cache").glob("*.git"))
