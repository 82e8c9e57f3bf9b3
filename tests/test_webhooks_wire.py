"""GitHub's inbox over the wire, before a real web server: bodies that are chunked, cut short, packed or too large."""

import http.client
import json
import socket
import uuid

import pytest

from tests import github_payloads
from tests.factories import together
from tests.web_server import WebServer, wait_until

MEBIBYTE = 1024**2
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
