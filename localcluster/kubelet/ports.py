"""Free ports of 127.0.0.1 for processes, outside of the range from which the kernel gives ports to connections."""

import random
import socket
from typing import Any

FIRST, LAST = 18000, 32000


class Ports:
    """The ports that are given out. A port is not given out twice, and not while anybody else listens on it."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, wanted: int | None = None) -> int:
        """A free port: the wanted one if possible. Raises OSError when none is free."""
        tries = [wanted] if wanted else []
        tries += random.sample(range(FIRST, LAST), 200)
        for port in tries:
            if port not in self._taken and is_free(port):
                self._taken.add(port)
                return port
        raise OSError("no free port on 127.0.0.1")

    def keep(self, port: int) -> None:
        """Notes a port on which a process of ours listens already."""
        self._taken.add(port)

    def free(self, port: int) -> None:
        self._taken.discard(port)


def is_free(port: int) -> bool:
    """Whether one could listen on it, on this address and on all."""
    for address in ("127.0.0.1", ""):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address, port))
            except OSError:
                return False
    return True


def listens(spec: dict[str, Any]) -> bool:
    """Whether a container states a port, or is probed at one."""
    probes = (spec.get(name) or {} for name in ("readinessProbe", "livenessProbe", "startupProbe"))
    return bool(spec.get("ports")) or any(probe.get("httpGet") or probe.get("tcpSocket") for probe in probes)


def names(spec: dict[str, Any]) -> frozenset[str]:
    """The names of the ports that a container states."""
    return frozenset(port["name"] for port in spec.get("ports") or [] if port.get("name"))
