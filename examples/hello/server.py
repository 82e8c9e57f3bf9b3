"""A greeting for every visitor, with nothing but Python's standard library. An example to deploy, and to break."""

import html
import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

VERSION = "v1"  # change it, and deploy again
GREETING = os.environ.get("GREETING", "Hello")
RELEASE = os.environ.get("DEPLOYER_RELEASE", "")
PROCESS = os.environ.get("HOSTNAME") or f"pid {os.getpid()}"
STARTED = time.monotonic()
DATA = Path(__file__).with_name("greetings.json")

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>hello {version}</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 18px/1.5 system-ui, sans-serif; max-width: 34em; margin: 12vh auto; padding: 0 1em }}
  h1 {{ font-size: 2.6em; margin: 0 }}
  dl {{ display: grid; grid-template-columns: max-content auto; gap: 0 1em }}
  dd {{ margin: 0 }}
</style>
<h1>{greeting}, {name}!</h1>
<dl>{facts}</dl>
<p>{links}</p>
"""


class Greetings:
    """The greetings of all languages, read in the background: the server is up before it can say anything."""

    def __init__(self) -> None:
        self.by_language: dict[str, str] = {}
        self.problem = "the greetings are not read yet"

    def load(self) -> None:
        try:
            self.by_language = json.loads(DATA.read_text(encoding="utf-8")) | {"en": GREETING}
            self.problem = ""
        except (OSError, ValueError) as error:
            self.problem = f"can't read {DATA.name}: {error}"
        print(self.problem or f"read {len(self.by_language)} greetings", flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # the end of the program waits for the requests that it is answering
    request_queue_size = 128

    def __init__(self, port: int, greetings: Greetings) -> None:
        super().__init__(("", port), Visitor)
        self.greetings = greetings


class Visitor(BaseHTTPRequestHandler):
    server: Server
    timeout = 5  # seconds; a silent connection must not hold up the end

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/health":
            self.answer(
                503 if self.server.greetings.problem else 200, self.server.greetings.problem or "ok", "text/plain"
            )
        elif address.path == "/":
            query = parse_qs(address.query)
            self.answer(200, self.page(query.get("name", ["world"])[0], query.get("in", ["en"])[0]), "text/html")
        else:
            self.answer(404, "There is nothing here.", "text/plain")

    def page(self, name: str, language: str) -> str:
        greetings = self.server.greetings.by_language
        facts = {
            "Version": VERSION,
            "Release": RELEASE,
            "Process": PROCESS,
            "Up for": f"{time.monotonic() - STARTED:.0f} s",
        }
        return PAGE.format(
            version=VERSION,
            greeting=html.escape(greetings.get(language, GREETING)),
            name=html.escape(name[:100]),
            facts="".join(f"<dt>{key}<dd>{html.escape(value)}" for key, value in facts.items() if value),
            links=" ".join(f'<a href="/?in={code}">{code}</a>' for code in greetings),
        )

    def answer(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if self.path != "/health":
            print(f"{self.command} {self.path} {args[1] if len(args) > 1 else ''}", flush=True)


def main() -> None:
    greetings = Greetings()
    server = Server(int(os.environ.get("PORT", "8080")), greetings)
    threading.Thread(target=greetings.load, daemon=True).start()
    # shutdown() waits for the loop, which runs in this very thread: so from another one.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"hello {VERSION} listens on port {server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()  # waits for the requests in flight
    print("hello has answered everybody and ends", flush=True)


if __name__ == "__main__":
    main()
