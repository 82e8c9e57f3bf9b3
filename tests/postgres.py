"""A private PostgreSQL: `python -m tests.postgres COMMAND…` runs a command of Python's while one is there for it.

TEST_DATABASE_URL names a server that is there already, where databases may be made; else Debian's package provides one,
in a temporary folder, reached by a socket that nobody else on this machine can open. Tests find it in DATABASE_URL.
"""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from tests import debian
from tests.private_server import PrivateServer

PACKAGE = "postgresql"
PLACES = Path("/usr/lib/postgresql")
NO_SERVER_OF_DEBIANS = Path("/etc/postgresql-common/createcluster.conf")
ROLE, FIRST_DATABASE = "deployer", "postgres"
NOTHING_SELECTED = 5  # pytest's exit status
# Nothing is worth a wait for the disk. As on servers that others set up, and unlike SQLite, letters sort as in a
# dictionary, and the clock on the wall is not in UTC.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "timezone": "Pacific/Kiritimati",
    "listen_addresses": "",
    "log_min_messages": "fatal",
}
LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]


def find() -> Path | None:
    """The folder with the newest PostgreSQL's programs."""
    found = [path.parent for path in PLACES.glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def why_not() -> str:
    """Why there is none, and what would help."""
    named = "TEST_DATABASE_URL names one"
    if not debian.may_install():
        return f"no PostgreSQL on this machine; `apt install {PACKAGE}` as root provides one, {named}"
    return f"no PostgreSQL on this machine, and Debian's package could not be installed; {named}"


def install() -> None:
    """Debian's package, where there is none; without the server that it would start for the whole machine."""
    if find() or not debian.may_install():
        return
    print("Installing Debian's postgresql for the tests", flush=True)
    if not NO_SERVER_OF_DEBIANS.exists():
        NO_SERVER_OF_DEBIANS.parent.mkdir(parents=True, exist_ok=True)
        NO_SERVER_OF_DEBIANS.write_text("create_main_cluster = false\n")
    debian.install(PACKAGE)


class Server(PrivateServer):
    """A PostgreSQL of one's own. `settings` come on top of SETTINGS."""

    name = "postgresql"

    def __init__(self, **settings: str) -> None:
        programs = find()
        if programs is None:
            raise FileNotFoundError(why_not())
        super().__init__()
        self.programs, self.data = programs, self.folder / "data"
        self.settings = SETTINGS | settings | {"unix_socket_directories": str(self.folder)}
        owner = _owner()
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        # Becoming another user takes the death signal away.
        self.as_owner = [] if os.geteuid() else [*as_owner, "--pdeathsig", "QUIT"]
        command = [str(programs / "initdb"), "--pgdata", str(self.data), "--username", ROLE, "--auth", "trust"]
        done = subprocess.run(
            [*self.as_owner, *command, "--no-sync", *LOCALE],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr[-500:]}")

    def url(self, database: str = FIRST_DATABASE) -> str:
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.folder), safe='')}"

    def command(self) -> Sequence[str]:
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return [*self.as_owner, str(self.programs / "postgres"), "-D", str(self.data), *options]

    def answers(self) -> bool:
        ready = [str(self.programs / "pg_isready"), "--quiet", "--host", str(self.folder)]
        return subprocess.run(ready, check=False).returncode == 0

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends it, and with it all connections, as a power failure does. `start` brings back what was committed."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None
            while any(_works_in(entry, self.data) for entry in Path("/proc").iterdir()):
                time.sleep(0.01)  # its children notice, and hold the data until then

    def stop(self) -> None:
        self.kill(signal.SIGQUIT)  # it would wait for its clients at SIGTERM
        super().stop()


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return os.readlink(process / "cwd") == str(folder)
    except OSError:
        return False


def _owner() -> pwd.struct_passwd:
    """PostgreSQL refuses to be root's."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL can't run as root, and there is no user postgres or nobody.")


def named(url: str, database: str) -> str:
    """The URL of another database of the same server."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc, path=f"/{quote(database)}"))


def main() -> None:
    """The command's own exit status; 0 as well if it has selected no test, or if there is no PostgreSQL to be had."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        sys.exit(_run_with(given))
    install()
    if find() is None:
        print(f"The tests on PostgreSQL are skipped: {why_not()}.", flush=True)
        sys.exit(1 if os.environ.get("CI") else 0)
    with Server() as server:
        status = _run_with(server.url())
    sys.exit(status)


def _run_with(url: str) -> int:
    # A password is nothing to show.
    print(f"On PostgreSQL ({urlsplit(url).hostname or 'a private one'}):", flush=True)
    environment = {**os.environ, "DATABASE_URL": url, "TEST_DATABASE_URL": url}
    command = subprocess.Popen([sys.executable, *sys.argv[1:]], env=environment)
    signal.signal(signal.SIGTERM, lambda *_: command.terminate())
    while True:
        try:
            status = command.wait()
        except KeyboardInterrupt:  # it got the same Ctrl-C, and ends by itself
            continue
        return 0 if status == NOTHING_SELECTED else status


if __name__ == "__main__":
    main()
