"""One whole Deployer, started as `make up` starts it, in a home of its own."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, nullcontext
from functools import cached_property
from pathlib import Path

import httpx

from deployer.home import read_settings
from tests import command_here, databases
from tests.journeys import doors
from tests.journeys.app import App
from tests.journeys.processes import Process, processes_of
from tests.journeys.told import Told
from tests.journeys.waiting import until
from tests.ports import free_port
from tests.web_server import ROOT, as_from_a_shell

NAMES_OF_OURS = ("DEPLOYER_", "DJANGO_", "DATABASE_URL", "REDIS_URL", "KUBECONFIG", "SECRET_KEY", "PYTEST_")
# Deaths are noticed sooner than the defaults have it, so that tests wait less. Everything else is as it is.
QUICK = {"HEARTBEAT_SECONDS": "0.3", "HEARTBEAT_OLD_SECONDS": "2", "REAPER_SECONDS": "0.5"}


class House:
    """`folder` gets the home, a user's home folder and the log. Settings come on top of the defaults.

    Its database: the embedded one; or one on the PostgreSQL that the tests run on; or `database`, a URL.
    """

    def __init__(self, folder: Path, *, database: str = "", **settings: str) -> None:
        self.folder, self.home = folder, folder / "home"
        self.log = folder / "up.log"
        (folder / "user").mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith(NAMES_OF_OURS)}
        self.user = plain | {"HOME": str(folder / "user"), "XDG_CONFIG_HOME": str(folder / "user" / "config")}
        self.environment = self.user | {"DEPLOYER_HOME": str(self.home), "PORT": str(self.port)} | settings
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.own_database = "" if database or not databases.server() else databases.create(folder)
        if url := database or self.own_database:
            self.home.mkdir(mode=0o700)
            (self.home / "settings.env").write_text(f"DATABASE_URL='{url}'\n")

    # --- Its life ---------------------------------------------------------------------------------------------------

    def start(self, *, seconds: float = 90) -> float:
        """Until /readyz says so. Gives the seconds that took."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "deployer.up"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.is_ready, "a ready house", seconds=seconds, tell=self.log_tail)
        return time.monotonic() - begun

    def is_ready(self) -> bool:
        assert self.supervisor and self.supervisor.poll() is None, f"the supervisor has ended:\n{self.log_tail()}"
        try:
            return httpx.get(f"{self.url}/readyz", timeout=3, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> list[Process]:
        """By Ctrl-C. Gives what is left running, which is nothing if all is well; and ends that."""
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.send_signal(signal.SIGINT)
            self.supervisor.wait(30)
        return self.left_over()

    def remove(self) -> None:
        """For good."""
        self.stop()
        if self.own_database:
            databases.drop(self.own_database)

    @property
    def database(self) -> str:
        """The URL."""
        return read_settings(self.home / "settings.env")["DATABASE_URL"]

    def left_over(self, *, seconds: float = 20) -> list[Process]:
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in left:
            process.kill()
        return left

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def processes(self, *roles: str) -> list[Process]:
        return [process for process in processes_of(self.home) if not roles or process.role in roles]

    def kill(self, *roles: str) -> None:
        """kill -9, all at once. Afterwards they are gone, and others may have come in their place."""
        killed = set(self.processes(*roles))
        for process in killed:
            process.kill()
        until(lambda: not killed & set(self.processes(*roles)), f"the end of {roles}")

    def put_to_sleep(self, process: Process) -> None:
        """SIGSTOP, but not in the middle of a write: SQLite lets nobody else write until it wakes."""

        def sleeps() -> bool:
            process.kill(signal.SIGSTOP)
            if self.is_locked(seconds=1):
                process.kill(signal.SIGCONT)
                return False
            return True

        until(sleeps, f"sleep of {process.role}")

    def is_locked(self, *, seconds: float = 5) -> bool:
        """Whether nobody can write for so long. PostgreSQL ends the transaction of one who sleeps; SQLite can't."""
        with closing(databases.connect(self.database)) as database:
            return isinstance(database, sqlite3.Connection) and databases.is_locked(database, seconds)

    # --- Its doors --------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        logins = json.loads((self.folder / "user" / "config" / "deployer" / "login.json").read_text())
        return logins["logins"][self.url]["token"]

    @cached_property
    def api(self) -> httpx.Client:
        """As the administrator."""
        return self.api_as(self.token)

    def api_as(self, token: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.url}/api", headers=headers, timeout=40, trust_env=False)

    @cached_property
    def cluster(self) -> httpx.Client:
        return doors.cluster_client(self.home / "kubeconfig")

    @property
    def door_port(self) -> int:
        return json.loads((self.home / "ports.json").read_text())["door"]

    def manage(self, *arguments: str, seconds: float = 60) -> str:
        """What a command of manage.py prints: for what has no other door, such as making people."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def session(self) -> doors.Session:
        return doors.Session(self.url, self.manage("password", "--link"))

    def start_command(self, *arguments: str, written: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        """The same in a process of its own, while something befalls the house. Its output goes to the file `written`,
        if there is one: there one sees how far it has come."""
        with written.open("w") if written else nullcontext(subprocess.PIPE) as out:
            return subprocess.Popen(
                [sys.executable, "-m", "deployer.cli", *arguments],
                cwd=self.folder / "user",
                env=self.user | {"PYTHONPATH": str(ROOT)} | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=as_from_a_shell,
            )

    def command(self, *arguments: str, **environment: str) -> Told:
        """The `deployer` command to its end, in this process."""
        begun = time.monotonic()
        done = command_here.run(arguments, environment=self.user | environment, cwd=self.folder / "user")
        return Told(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)

    def app(self, name: str) -> App:
        """A new app of this name."""
        answer = self.api.post("/apps", json={"name": name})
        assert answer.status_code == 201, answer.text
        return App(self, name)
