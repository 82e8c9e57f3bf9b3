"""What Git is run with: an environment and a configuration of our own, of which nothing comes from this machine's."""

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from releases.clients.git.address import PORTS, Address
from releases.clients.git.credentials import Credentials, DeployKey, Token, in_memory
from releases.clients.git.known_hosts import PUBLISHED
from releases.errors import SourceFailed

HOME_PREFIX = ".home-"
ASKPASS = Path(__file__).with_name("askpass.sh")
# How this machine reaches the network and whom it trusts there.
INHERITED = ("PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")

SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "fetch.fsckObjects": "true",
    "fetch.unpackLimit": "1",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "30",
    "log.showSignature": "false",
    "protocol.version": "2",
    "submodule.recurse": "false",
    # Old commits of honest projects have these; none of them can do harm.
    **{
        f"fetch.fsck.{fault}": "ignore"
        for fault in ("zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone", "badDateOverflow", "missingEmail")
    },
}
SSH_OPTIONS = {
    "BatchMode": "yes",
    "IdentitiesOnly": "yes",
    "PreferredAuthentications": "publickey",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "3",
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "PermitLocalCommand": "no",
    "ControlPath": "none",
    "UpdateHostKeys": "no",
    "LogLevel": "ERROR",
}


@contextmanager
def prepared(address: Address | None, credentials: Credentials, hosts: Path) -> Iterator["Ground"]:
    """The ground for some runs of Git, and for talking to `address` where one is given.

    `hosts`: the file in which the keys of SSH servers are kept that were met before; what Git needs while it runs lies
    beside it.
    """
    with ExitStack() as stack:
        hosts.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=HOME_PREFIX, dir=hosts.parent)))
        environment = _environment(home)
        settings = dict(SETTINGS)
        if address:
            environment["GIT_ALLOW_PROTOCOL"] = address.scheme
            if isinstance(credentials, Token) and address.scheme in ("https", "http"):
                environment |= _token(address, credentials)
            if address.scheme == "ssh":
                environment["GIT_SSH_COMMAND"] = _ssh(address, credentials, hosts, home, stack)
            if address.found and address.scheme in ("https", "http"):
                settings["http.curloptResolve"] = _held(address)
        yield Ground(home, environment, settings)


class Ground:
    """`command("fetch", …)` is the argument list; `home` an empty folder to run it in."""

    def __init__(self, home: Path, environment: dict[str, str], settings: dict[str, str]) -> None:
        self.home, self.environment, self.settings = home, environment, settings

    def command(self, *arguments: str, at: Path | None = None) -> list[str]:
        """`at`: the bare repository that it is about; without one no repository is looked for."""
        settings = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        return ["git", *settings, *([f"--git-dir={at}"] if at else []), *arguments]


def _environment(home: Path) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in (*INHERITED, *TRUST) if name in os.environ}
    return {
        "PATH": os.defpath,
        **inherited,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(home.resolve().parent),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": str(ASKPASS),
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_DEFAULT_HASH": "sha1",
        "GIT_DEFAULT_REF_FORMAT": "files",
    }


def _token(address: Address, token: Token) -> dict[str, str]:
    # Git writes the name into the URL with which it asks for the password; newer ones encode it.
    return {
        "DEPLOYER_GIT_ORIGIN": address.origin,
        "DEPLOYER_GIT_ORIGIN_AS_USER": address.origin.replace("://", f"://{token.username}@"),
        "DEPLOYER_GIT_ORIGIN_ENCODED": address.origin.replace("://", f"://{quote(token.username, safe='')}@"),
        "DEPLOYER_GIT_USER": token.username,
        "DEPLOYER_GIT_TOKEN": token.value,
    }


def _held(address: Address) -> str:
    """To the addresses that were judged: a name server that answers otherwise the second time changes nothing."""
    addresses = ",".join(f"[{each}]" if each.version == 6 else str(each) for each in address.found)
    return f"{address.host}:{address.port}:{addresses}"


def _ssh(address: Address, key: Credentials, hosts: Path, home: Path, stack: ExitStack) -> str:
    """Git gives this to a shell: all of its words are quoted."""
    if not isinstance(key, DeployKey):
        raise SourceFailed(
            "A repository reached by SSH needs a deploy key.",
            cause="auth_required",
            hint="Make one (docs/sources.md), or give the https:// URL of the repository.",
        )
    published = key.known_hosts or PUBLISHED.get(address.host, "")
    known = home / "known_hosts" if published else hosts
    if published:
        known.write_text(published.rstrip("\n") + "\n")
    # The host's name goes on being that under which its key is known.
    alias = address.host if address.port == PORTS["ssh"] else f"[{address.host}]:{address.port}"
    options = {
        **SSH_OPTIONS,
        "StrictHostKeyChecking": "yes" if published else "accept-new",
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": alias,
        "IdentityFile": stack.enter_context(in_memory(key.private)),
        **({"HostName": str(address.found[0])} if address.found else {}),
    }
    return shlex.join(["ssh", "-F", "/dev/null", *(f"-o{name}={value}" for name, value in options.items())])
