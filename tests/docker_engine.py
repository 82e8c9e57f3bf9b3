"""A private Docker Engine and a private registry, for tests that build and push images. Run by `make test`, it installs
what they need, or says what is missing.

DOCKER_HOST and TEST_REGISTRY name others that are there already. Else Debian's packages provide them, run as root in
temporary folders, without network of their own: images are made FROM scratch, around Debian's static busybox.
"""

import os
import shutil
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests import debian
from tests.ports import free_port
from tests.private_server import PrivateServer

BUSYBOX = Path("/bin/busybox")
PT_INTERP = 3
PACKAGES = {"dockerd": "docker.io", "docker-registry": "docker-registry"}


def why_no_engine() -> str:
    """Why there is neither an engine nor the right to run one; "" if there is."""
    if os.environ.get("DOCKER_HOST"):
        return ""
    if os.geteuid() != 0:
        return "a Docker Engine of the tests' own needs root; DOCKER_HOST names another one"
    return _lacks("dockerd")


def why_no_registry() -> str:
    return "" if os.environ.get("TEST_REGISTRY") else why_no_private_registry()


def why_no_private_registry() -> str:
    return _lacks("docker-registry")


def why_no_busybox() -> str:
    """It must be the static one, at the place where Debian has it: images carry it to the same place."""
    if BUSYBOX.is_file() and is_static(BUSYBOX.read_bytes()):
        return ""
    return f"this machine has no static {BUSYBOX}; `apt install busybox-static` as root provides one"


def is_static(program: bytes) -> bool:
    """Whether a 64-bit program needs no loader: it has no program header of the type PT_INTERP (elf(5))."""
    [offset] = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    kinds = [struct.unpack_from("<I", program, offset + number * size)[0] for number in range(count)]
    return PT_INTERP not in kinds


def _lacks(program: str) -> str:
    """What this machine lacks, and what would help; "" if the program is there."""
    package = PACKAGES[program]
    if shutil.which(program):
        return ""
    return f"this machine has no {program}; `apt install {package}` as root provides one"


class Engine(PrivateServer):
    """A Docker Engine without network, mounts or rules that anybody else could see. Needs root."""

    name = "dockerd"

    @property
    def host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self._socket}"

    @property
    def _socket(self) -> Path:
        return self.folder / "docker.sock"

    def command(self) -> Sequence[str]:
        # What it mounts goes with its own mount namespace, even after `kill -9`.
        alone = ["unshare", "--mount", "--propagation", "private"]
        places = ["--data-root", self.folder / "data", "--exec-root", self.folder / "exec"]
        places += ["--pidfile", self.folder / "pid", "--host", self.host]
        # No file of the machine's own engine, and a storage that works on every file system.
        plain = ["--config-file", self.folder / "none.json", "--storage-driver=vfs"]
        bare = ["--iptables=false", "--ip6tables=false", "--bridge=none"]
        return [*alone, "dockerd", *map(str, [*places, *plain]), *bare]

    def start(self) -> "Engine":
        (self.folder / "none.json").write_text("{}\n")
        return super().start()

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.settimeout(5)
                connection.connect(str(self._socket))
                connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in connection.recv(100)
            except OSError:
                return False


class Registry(PrivateServer):
    """A registry on the loopback address, to which everybody may push: engines take plain HTTP there."""

    name = "registry"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return ["docker-registry", "serve", str(self.folder / "config.yml")]

    def config(self) -> dict[str, Any]:
        return {
            "version": 0.1,
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "images")}, "delete": {"enabled": True}},
            "http": {"addr": self.address},
        }

    def start(self) -> "Registry":
        (self.folder / "config.yml").write_text(yaml.safe_dump(self.config()))
        return super().start()

    def answers(self) -> bool:
        try:
            return httpx.get(f"http://{self.address}/v2/", timeout=5, trust_env=False).status_code in (200, 401)
        except httpx.TransportError:
            return False


def main() -> None:
    packages = [PACKAGES[program] for program in PACKAGES if not shutil.which(program)]
    if why_no_busybox():
        packages.append("busybox-static")
    if packages and debian.may_install() and not os.environ.get("DOCKER_HOST"):
        print(f"Installing Debian's {', '.join(packages)} for the tests of builds", flush=True)
        debian.install(*packages)
    for why_not in filter(None, (why_no_engine(), why_no_registry(), why_no_busybox())):
        print(f"Tests of builds will be skipped: {why_not}.", flush=True)


if __name__ == "__main__":
    main()
