"""GitHub's inbox over the wire, before a real web server: bodies that are chunked, cut short, packed or too large."""

import http.client
import json
import socket
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests import databases, github_payloads
from tests.factories import together
from tests.web_server import ROOT, WebServer, wait_until

MEBIBYTE = 1024**2
# A worker that stops, as of Ctrl-Z, when it has begun three builds and committed none of them.
STOPS_HALF_WAY = """
import os, signal
import django; django.setup()
from django.core.management import call_command
from django.db.backends.signals import connection_created
begun = []
def stop_half_way(execute, sql, *more):
    done = execute(sql, *more)
    if sql.startswith('INSERT INTO "releases_build"'):
        begun.append(None)
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGSTOP)
    return done
def watch(connection, **_):
    if stop_half_way not in connection.execute_wrappers:
        connection.execute_wrappers.append(stop_half_way)
connection_created.connect(watch, weak=False)
call_command("work", "rollouts")
"""
pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    server.secret = server.behind(
        """
        by = policy.SYSTEM
        app = actions.create_app("shop", by=by)
        answer = actions.set_source(app, by=by, url="https://github.com/ada/engine.git")[1]
        """
    )
    yield server
    server.close()


def delivery(server, payload=None, **more):
    return github_payloads.delivery(server.secret, "push", payload or github_payloads.push(), **more)


def post(server, body, headers, **more):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("POST", "/hooks/github/shop", body, headers, **more)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def kept(server):
    return server.behind("answer = sorted(Delivery.objects.values_list('guid', flat=True))")


def test_a_delivery_is_answered_with_its_own_name(server):
    guid = str(uuid.uuid4())
    body, headers = delivery(server, guid=guid)
    assert post(server, body, headers) == (202, {"delivery": guid, "event": "push"})
    assert guid in kept(server)


def test_one_in_chunks_is_as_good(server):
    guid = str(uuid.uuid4())
    body, headers = delivery(server, guid=guid)
    pieces = (body[start : start + 1000] for start in range(0, len(body), 1000))
    status, _ = post(server, pieces, headers, encode_chunked=True)
    assert status == 202
    assert guid in kept(server)


def test_one_of_many_commits_and_24_mebibytes_is_taken(server):
    payload = github_payloads.push(commits=2000)
    payload["commits"][0]["message"] = "x" * (24 * MEBIBYTE)
    guid = str(uuid.uuid4())
    assert post(server, *delivery(server, payload, guid=guid))[0] == 202
    assert server.behind(f"answer = len(Delivery.objects.get(guid={guid!r}).body)") > 24 * MEBIBYTE


def test_one_of_30_mebibytes_is_refused_before_it_is_read(server):
    before = kept(server)
    _, headers = delivery(server)
    assert b" 413 " in announced(server, headers, 30 * MEBIBYTE)
    assert kept(server) == before


def announced(server, headers, length):
    """What is answered to whoever says how much will come, before any of it came."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = ["POST /hooks/github/shop HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *lines]
        wire.sendall("\r\n".join([*head, "", ""]).encode())
        return wire.recv(1000)


def test_one_of_30_mebibytes_that_does_not_say_so_is_refused_too(server):
    before = kept(server)
    _, headers = delivery(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = ["POST /hooks/github/shop HTTP/1.1", "Host: 127.0.0.1", "Transfer-Encoding: chunked", *lines]
        wire.sendall("\r\n".join([*head, "", ""]).encode())
        try:
            for _ in range(30):
                wire.sendall(f"{MEBIBYTE:x}\r\n".encode() + b"x" * MEBIBYTE + b"\r\n")
        except OSError:
            pass  # it has heard enough
        assert b" 413 " in wire.recv(1000)
    assert kept(server) == before


def test_one_without_a_signature_may_not_even_be_large(server):
    _, headers = delivery(server)
    del headers["X-Hub-Signature-256"]
    assert b" 413 " in announced(server, headers, 5 * MEBIBYTE)


def test_one_that_is_cut_short_is_not_kept(server):
    before = kept(server)
    body, headers = delivery(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = ["POST /hooks/github/shop HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *lines]
        wire.sendall("\r\n".join([*head, "", ""]).encode() + body[:-10])
    assert post(server, body[:-10], headers)[0] == 403
    assert kept(server) == before


def test_packed_and_foreign_kinds_are_refused(server):
    body, headers = delivery(server)
    assert post(server, body, headers | {"Content-Encoding": "gzip"})[0] == 415
    assert post(server, body, headers | {"Content-Type": "text/plain"})[0] == 415
    assert post(server, b"", {name: value for name, value in headers.items() if name != "Content-Type"})[0] == 415


def test_empty_and_broken_ones_are_refused_in_words(server):
    for body in (b"", b"{", b"\xff"):
        status, content = post(server, *delivery(server, body or None) if body else _empty(server))
        assert (status, content["error"]["code"]) == (400, "bad_request")


def _empty(server):
    _, headers = delivery(server)
    return b"", headers | {"X-Hub-Signature-256": github_payloads.signed(server.secret, b"")}


def test_the_pages_csrf_protection_and_sessions_have_nothing_to_do_with_it(server):
    body, headers = delivery(server)
    headers |= {"Cookie": "deployer_session=nonsense", "Origin": "https://evil.example.com"}
    assert post(server, body, headers)[0] == 202


def test_many_in_the_same_instant_are_all_kept_once(server):
    """Also where each of them comes twice."""
    sent = [delivery(server, guid=f"many-{number // 2}") for number in range(40)]
    answers = together(*[lambda each=each: post(server, *each)[0] for each in sent])
    assert answers == [202] * 40
    wait_until(lambda: len([guid for guid in kept(server) if guid.startswith("many-")]) == 20, what="all of them")


def test_a_worker_that_is_killed_in_the_middle_of_handling_leaves_all_of_it_to_the_next(server):
    """Killed with -9 while it holds decisions that nobody else can see yet."""
    pushes = {f"killed-{number:02}": f"{number + 1:040x}" for number in range(15)}
    for guid, commit in pushes.items():
        payload = github_payloads.push(commit, ref=f"refs/tags/{guid}", head_commit=github_payloads.commit(commit))
        assert post(server, *delivery(server, payload, guid=guid))[0] == 202
    server.behind("Source.objects.update(build_tags=True)")
    server.behind("from django.conf import settings; settings.QUEUED_WITHOUT_JOB_SECONDS = 0.0")
    worker = subprocess.Popen([sys.executable, "-c", STOPS_HALF_WAY], cwd=ROOT, env=server.environment)
    try:
        with closing(databases.connect(server.database)) as database:
            wait_until(lambda: is_stopped(worker) and has_uncommitted(database), what="a decision that nobody sees")
    finally:
        worker.kill()
        worker.wait()
    assert server.behind("answer = Delivery.objects.filter(status='received').exists()")
    server.behind(
        """
        import django_rq
        from releases import jobs
        jobs.reap()
        (job,) = [job for job in django_rq.get_queue("webhooks").jobs][:1]
        job.func(*job.args)
        """
    )
    handled = server.behind(
        "answer = list(Delivery.objects.filter(guid__startswith='killed-').values_list('guid', 'status', 'decision'))"
    )
    built = server.behind("answer = list(Build.objects.exclude(ref='refs/heads/main').values_list('ref', 'commit'))")
    assert sorted(handled) == [[guid, "handled", "built"] for guid in pushes]
    assert sorted(built) == [[f"refs/tags/{guid}", commit] for guid, commit in pushes.items()]


def is_stopped(worker):
    assert worker.poll() is None
    return Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def has_uncommitted(database):
    """SQLite has one writer: whether there is one now. PostgreSQL says who has written a build and is not done."""
    if not isinstance(database, sqlite3.Connection):
        held = "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'releases_build'"
        mine = "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        return database.execute(f"{held} {mine} AND mode = 'RowExclusiveLock'").fetchone()[0] > 0
    return databases.is_locked(database, 0)
