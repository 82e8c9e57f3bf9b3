"""A server that gives the answers that a test laid out, and the command asking it."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests import command_here

Answer = tuple[int, Any, dict[str, str]]
CUT = (0, None, {})


@dataclass
class Odd:
    """Gives the answers that were laid out for a method and address, one after the other; the last one for ever."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    url: str = ""

    def of(self, what: str) -> list[tuple[str, bytes]]:
        """The key and body of each request of this kind."""
        return [(key, body) for asked, key, body in self.asked if asked == what]

    def environment(self, home: Path) -> dict[str, str]:
        """Of a command that asks this server."""
        return {"DEPLOYER_URL": self.url, "DEPLOYER_TOKEN": "x", "XDG_CONFIG_HOME": str(home), "PATH": "/usr/bin"}

    def command(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return command_here.run(arguments, environment=self.environment(cwd), cwd=cwd)


@contextmanager
def serving() -> Iterator[Odd]:
    odd = Odd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            what = f"{self.command} {path}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            odd.asked.append((what, self.headers.get("Idempotency-Key", ""), body))
            odd.queries.append(query)
            laid_out = odd.answers[what]
            status, document, headers = laid_out.pop(0) if len(laid_out) > 1 else laid_out[0]
            if status == 0:
                self.close_connection = True
                return
            text = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    odd.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield odd
    server.shutdown()
    server.server_close()
