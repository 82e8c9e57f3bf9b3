"""Deployer's home: the folder that holds everything which `make up` keeps between two starts."""

import base64
import fcntl
import json
import os
import random
import secrets
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from deployer import settings_file

PORT_NAMES = ("redis", "cluster", "door")
# Below the range from which Linux takes the ports of outgoing connections, so that a remembered one stays free.
FREE_PORTS = range(14000, 18000)


class CannotStart(Exception):
    """Something about this machine stands in the way; the text is for the person who started Deployer."""


class Home:
    def __init__(self, path: Path) -> None:
        """Makes the folder if need be, and takes it for this process. Raises CannotStart."""
        self.path = path
        self._refuse_foreign_folder()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for part in ("redis", "cluster", "images", "uploads", "static"):
                (path / part).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CannotStart(
                f"Can't use {path} as Deployer's home: {error.strerror}. DEPLOYER_HOME moves it."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(self._who_runs()) from None
        os.ftruncate(self._lock, 0)

    def _refuse_foreign_folder(self) -> None:
        """A slip such as DEPLOYER_HOME=/tmp must not change a folder that is not ours."""
        if not str(self.path).isprintable():
            raise CannotStart("The path of DEPLOYER_HOME has characters that can't be printed.")
        try:
            present = {entry.name for entry in self.path.iterdir()}
        except OSError:
            return
        if present and not present & {"lock", "settings.env"}:
            raise CannotStart(
                f"{self.path} is not empty and not a home of Deployer. Choose another with DEPLOYER_HOME."
            )

    @property
    def settings_path(self) -> Path:
        return self.path / "settings.env"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def redis_config(self) -> Path:
        return self.path / "redis" / "redis.conf"

    def sign(self, url: str) -> None:
        """Leaves word of who runs here, for a second start."""
        os.pwrite(self._lock, f"process {os.getpid()}, {url}".encode(), 0)

    def _who_runs(self) -> str:
        who = os.pread(self._lock, 200, 0).decode(errors="replace") or "it is just starting"
        return (
            f"Deployer runs already in {self.path} ({who}). Stop that one, or choose another home with DEPLOYER_HOME."
        )

    def choose_ports(self, *, taken: int) -> dict[str, int]:
        """A free port for each name: the one of the last start where it is still free. `taken` is the web server's."""
        path = self.path / "ports.json"
        try:
            before = json.loads(path.read_bytes())
        except (OSError, ValueError):
            before = {}
        ports: dict[str, int] = {}
        for name in PORT_NAMES:
            last = before.get(name) if isinstance(before, dict) else None
            ports[name] = _first_free(last, without={taken, *ports.values()})
        write_private(path, json.dumps(ports) + "\n")
        return ports

    def write_settings(self, *, url: str, ports: Mapping[str, int]) -> dict[str, str]:
        """Brings `settings.env` up to date, and returns it. Secrets and lines of the user's own stay as they are."""
        settings = read_settings(self.settings_path)
        if "ENCRYPTION_KEYS" not in settings and (self.path / "deployer.sqlite3").exists():
            raise CannotStart(f"{self.settings_path} has no ENCRYPTION_KEYS, without which the database can't be read.")
        settings.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
        settings.setdefault("ENCRYPTION_KEYS", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
        settings.setdefault("REDIS_PASSWORD", secrets.token_urlsafe(32))
        # A server of the user's own stays; the embedded file is found again wherever the home has moved.
        if settings.get("DATABASE_URL", "").partition(":")[0] in ("", "sqlite"):
            settings["DATABASE_URL"] = f"sqlite:///{quote(str(self.path / 'deployer.sqlite3'))}"
        settings |= {
            "DEPLOYER_HOME": str(self.path),
            "DEPLOYER_URL": url,
            "DEPLOYER_APP_URL": f"http://{{app}}.localhost:{ports['door']}",
            "DEPLOYER_KUBECONFIG": str(self.kubeconfig),
            "DEPLOYER_IMAGES": str(self.path / "images"),
            "REDIS_URL": f"redis://:{settings['REDIS_PASSWORD']}@127.0.0.1:{ports['redis']}/0",
        }
        lines = [f"{name}={settings_file.quoted(value)}\n" for name, value in settings.items()]
        write_private(
            self.settings_path, "".join(["# Written at every start. Secrets and what you add stay.\n", *lines])
        )
        return settings

    def write_redis_config(self, *, port: int, password: str) -> Path:
        """A durable, private Redis: its password is in this file and in no argument."""
        lines = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{_escaped(str(self.redis_config.parent))}"',
            "appendonly yes",
            'save ""',
            "daemonize no",
            "loglevel warning",
            "maxmemory-policy noeviction",
        ]
        write_private(self.redis_config, "\n".join(lines) + "\n")
        return self.redis_config


def read_settings(path: Path) -> dict[str, str]:
    """The variables of a file of `NAME=value` lines; none if there is no such file. Raises CannotStart."""
    values, faults = settings_file.read(path)
    if faults:
        raise CannotStart(" ".join(faults))
    return values


def write_private(path: Path, text: str) -> None:
    """Replaces a file at once and for its owner only: nobody ever reads half of it."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address. Raises CannotStart where it is root's."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise CannotStart(f"port {port} is for root only. Choose one from 1024 up: make up PORT=8000") from error
        except OSError:
            return False
    return True


def _first_free(last: object, *, without: set[int]) -> int:
    candidates = random.sample(FREE_PORTS, 200)
    if isinstance(last, int) and 1024 <= last <= 65535:
        candidates.insert(0, last)
    for port in candidates:
        if port not in without and is_free(port):
            return port
    raise CannotStart("No free port was found on 127.0.0.1.")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
