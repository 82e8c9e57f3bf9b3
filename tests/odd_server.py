"""A server that behaves as no API server should, over real TCP and TLS."""

import contextlib
import json
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.certificates import Authority, Pair

JSON = "application/json"


class OddServer:
    """Answers every request with `answers[path]`, else with `otherwise`: (status, body, type); and `headers[path]`."""

    def __init__(self, pair: Pair | None) -> None:
        self.answers: dict[str, tuple[int, str, str]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.otherwise: tuple[int, str, str] = status(404, "the server could not find the requested resource")
        self.dripping: set[str] = set()  # paths whose answers come byte by byte
        self.asked: list[tuple[str, str]] = []
        self.ahead = 0.0  # seconds that its clock is
        odd = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                odd.asked.append((self.path, self.headers.get("Authorization", "")))
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, body, kind = odd.answers.get(self.path, odd.otherwise)
                data = body.replace("{authorization}", self.headers.get("Authorization", "")).encode()
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                for name, value in odd.headers.get(self.path, {}).items():
                    self.send_header(name, value)
                self.end_headers()
                for start in range(len(data)) if self.path in odd.dripping else ():
                    self.wfile.write(data[start : start + 1])
                    time.sleep(0.02)
                if self.path not in odd.dripping:
                    self.wfile.write(data)

            do_POST = do_GET

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + odd.ahead)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if pair:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            with tempfile.NamedTemporaryFile("w") as file:
                file.write(pair.certificate + pair.key)
                file.flush()
                context.load_cert_chain(file.name)
            # With the handshake in the handler's thread, so that one who never ends it delays nobody.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}"


@contextlib.contextmanager
def odd_server(pair: Pair | None) -> Iterator[OddServer]:
    """Without a pair it speaks no TLS."""
    made = OddServer(pair)
    made.server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join(30)
        made.server.server_close()


@contextlib.contextmanager
def kubernetes(authority: Authority) -> Iterator[OddServer]:
    """One that says what a healthy API server says to a look."""
    with odd_server(authority.server()) as made:
        made.answers["/version"] = (200, json.dumps({"gitVersion": "v1.31.4"}), JSON)
        review = json.dumps({"kind": "SelfSubjectAccessReview", "status": {"allowed": True}})
        made.answers[REVIEWS] = (201, review, JSON)
        yield made


REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@contextlib.contextmanager
def hanging_up() -> Iterator[int]:
    """A port that ends each connection at once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def meet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listening.accept()[0].close()

        thread = threading.Thread(target=meet, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(30)


def status(code: int, message: str) -> tuple[int, str, str]:
    return code, json.dumps({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}), JSON
