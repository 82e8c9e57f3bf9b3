"""Ports for the servers that tests start."""

import itertools
import os
import re
import socket

# Below those that a Deployer and its local cluster give out, and that the kernel gives to outgoing connections: none of
# them may take the port of a server that is away for a moment.
FIRST, SHARE = 10_000, 1_000
_offsets = itertools.count(os.getpid() % SHARE)


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens. Each process of a parallel run has a share of its own."""
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
    for offset in _offsets:
        port = FIRST + SHARE * (worker % 4) + offset % SHARE
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
