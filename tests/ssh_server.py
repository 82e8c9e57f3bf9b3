"""A private OpenSSH server on loopback, which lets one key in, to run Git alone."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
RUN = Path("/run/sshd")
START_SECONDS = 60

CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
ForceCommand while test -e {folder}/hold; do sleep 0.02; done; \
case "$SSH_ORIGINAL_COMMAND" in git-upload-pack*) eval "$SSH_ORIGINAL_COMMAND";; *) exit 1;; esac
"""


@dataclass
class SshServer:
    """`key` is let in, `other_key` is not; `known_hosts` has its own key as it should be. While the file `hold` is
    there, it answers nobody whom it has let in."""

    port: int
    key: str
    other_key: str
    host_key: str
    hold: Path

    def url(self, folder: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{folder}"

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"


def missing() -> str:
    """Why none can be started here; '' if one can."""
    if not SSHD:
        return "there is no OpenSSH server here: apt-get install openssh-server"
    if os.geteuid() == 0:
        RUN.mkdir(mode=0o755, exist_ok=True)  # where sshd locks itself up before anybody is known to it
    return ""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[SshServer]:
    port = free_port()
    for name in ("host", "user", "other"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(make, check=True)
    (folder / "authorized_keys").write_text((folder / "user.pub").read_text())
    (folder / "config").write_text(CONFIGURATION.format(port=port, folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "config")], stderr=log)
    try:
        _wait(process, port, folder / "log")
        texts = [(folder / name).read_text() for name in ("user", "other", "host.pub")]
        yield SshServer(port, texts[0], texts[1], texts[2].strip(), folder / "hold")
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen, port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            if connection.recv(4) == b"SSH-":
                return
        time.sleep(0.02)
    raise AssertionError(f"sshd did not start: {log.read_text()}")
