"""Where the `deployer` command finds its server and token: `login.json` in the user's configuration folder.

    {"current": "http://127.0.0.1:8000", "logins": {"http://127.0.0.1:8000": {"token": "…"}}}

Written by `make up` and by `deployer login`. Holds secrets: the file is 0600 in a folder of 0700.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


class LoginFileError(Exception):
    """The file can't be read, understood or written; the text says which file and why."""


@dataclass(frozen=True)
class Login:
    url: str
    token: str


@dataclass
class Logins:
    """All that the file says: one token for each server, and the server that is meant when none is named."""

    current: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    def find(self, url: str | None = None) -> Login | None:
        """The login for this server, or for the current one."""
        wanted = plain_url(url) if url else self.current
        return Login(wanted, self.tokens[wanted]) if wanted in self.tokens else None


def plain_url(url: str) -> str:
    """Under this form a server is remembered: without a slash at its end."""
    return url.strip().rstrip("/")


def default_path() -> Path:
    """`$XDG_CONFIG_HOME/deployer/login.json`, else below `~/.config`.

    As the XDG Base Directory Specification has it: one that is not absolute is ignored.
    """
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(configured) if os.path.isabs(configured) else Path(os.path.expanduser("~")) / ".config"
    return folder / "deployer" / "login.json"


def read(path: Path | None = None) -> Logins:
    """What is remembered; nothing if there is no file. Raises LoginFileError."""
    path = path or default_path()
    try:
        return _parse(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Logins()
    except (ValueError, RecursionError) as error:
        raise LoginFileError(f"{path} is not a login file ({error}): repair or remove it.") from error
    except OSError as error:
        raise LoginFileError(f"Can't read {path}: {error.strerror}.") from error


def remember(url: str, token: str, *, path: Path | None = None) -> None:
    """Keeps this login beside the others and makes it the current one. Raises LoginFileError."""
    path, url = path or default_path(), plain_url(url)
    with _changing(path) as logins:
        logins.tokens[url] = token
        logins.current = url


def forget(url: str, *, path: Path | None = None) -> bool:
    """Removes the login for this server; says whether there was one. Raises LoginFileError."""
    path, url = path or default_path(), plain_url(url)
    if not path.exists():
        return False
    with _changing(path) as logins:
        known = logins.tokens.pop(url, None) is not None
        if logins.current == url:
            logins.current = None
    return known


def _parse(document: object) -> Logins:
    entries = document.get("logins", {}) if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(entries, dict):
        raise ValueError("it should be an object with `logins`")
    tokens = {}
    for url, entry in entries.items():
        token = entry.get("token") if isinstance(entry, dict) else None
        if not isinstance(token, str):
            raise ValueError(f"no token for {url}")
        tokens[url] = token
    current = document.get("current")
    if not isinstance(current, str | None):
        raise ValueError("`current` should be an address")
    return Logins(current, tokens)


@contextmanager
def _changing(path: Path) -> Iterator[Logins]:
    """Reads, lets the caller change, writes; nobody else changes it meanwhile."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name("login.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LoginFileError(f"Can't write {path}: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        logins = read(path)
        yield logins
        _write(path, logins)
    finally:
        os.close(lock)


def _write(path: Path, logins: Logins) -> None:
    document = {"current": logins.current, "logins": {url: {"token": token} for url, token in logins.tokens.items()}}
    try:
        handle, temporary = tempfile.mkstemp(prefix=".login-", dir=path.parent)  # 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(document, file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise LoginFileError(f"Can't write {path}: {error.strerror}.") from error
