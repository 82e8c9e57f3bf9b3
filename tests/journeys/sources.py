"""Small apps to deploy: some serve, some misbehave."""

import json
import sys
from pathlib import Path
from typing import Any

# As few imports as may be: what is measured is the rollout, not how an interpreter starts.
SERVER = """
import os, signal, socketserver

VERSION = {version!r}
HEALTH = {health!r}

class Visitor(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            path = line.split()[1].decode()
            while self.rfile.readline().strip():
                pass
            if path.startswith("/say/"):
                print(path[5:], flush=True)
            status = HEALTH if path == "/health" else "200 OK"
            body = ("version " + VERSION + " colour " + os.environ.get("COLOUR", "none")).encode()
            self.wfile.write(f"HTTP/1.1 {{status}}\\r\\nContent-Length: {{len(body)}}\\r\\n\\r\\n".encode() + body)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("serving", VERSION, flush=True)
Server(("", int(os.environ["PORT"])), Visitor).serve_forever()
"""
PYTHON = [sys.executable, "-I", "-S", "-u"]
CRASH = "print('no queue at QUEUE_URL', flush=True)\nraise SystemExit(3)\n"
WORKER = "import time\nprint('working', flush=True)\ntime.sleep(3600)\n"
ENDS = "print('nothing to do', flush=True)\n"


def manifest(
    *, command: list[str] | None = None, image: str | None = None, count: int = 2, deadline: int = 60, **more: Any
) -> dict[str, Any]:
    """A service `web` with a health check; `more` are further sections of the manifest."""
    web: dict[str, Any] = {
        "command": command or [*PYTHON, "server.py"],
        "port": 8080,
        "health": {"path": "/health", "interval": 1, "timeout": 20, "grace": 0},
        "scale": {"count": count, "cpu": 50, "memory": 32},
        "termination": {"grace": 5},
    }
    web |= {"image": image} if image else {"build": "."}
    return {"services": {"web": web}, "deployment": {"strategy": "rolling", "deadline": deadline}} | more


def worker(*, verify: int = 2) -> dict[str, Any]:
    """A service without a port, run by WORKER: it counts as good once it has run for so many seconds (the cluster's
    times have no parts of a second, so one would be none now and then)."""
    scale = {"count": 1, "cpu": 50, "memory": 32}
    return {"build": ".", "command": [*PYTHON, "worker.py"], "scale": scale, "deployment": {"verify": verify}}


def write(folder: Path, text: dict[str, Any] | str, files: dict[str, str] | None = None) -> Path:
    """A source folder with this manifest (JSON is YAML) and these files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "deployer.yml").write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
    for name, content in (files or {}).items():
        (folder / name).write_text(content)
    return folder


def serving(folder: Path, version: str, **options: Any) -> Path:
    """An app that answers `version VERSION colour COLOUR` to everybody, and writes what comes after `/say/`."""
    return write(folder, manifest(**options), {"server.py": SERVER.format(version=version, health="200 OK")})


def slow(folder: Path, version: str, seconds: float) -> Path:
    """An app of four processes, each of which needs so many seconds until it serves."""
    program = f"import time\ntime.sleep({seconds})\n" + SERVER.format(version=version, health="200 OK")
    return write(folder, manifest(count=4), {"server.py": program})


def held(folder: Path, version: str, go: Path, **options: Any) -> Path:
    """As `serving`, but no process of it is ready before there is a file `go`: for so long its rollout lasts."""
    waits = f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\n"
    program = waits + SERVER.format(version=version, health="200 OK")
    return write(folder, manifest(**options), {"server.py": program})


def never_ready(folder: Path, **options: Any) -> Path:
    program = SERVER.format(version="sick", health="500 Internal Server Error")
    return write(folder, manifest(**options), {"server.py": program})
