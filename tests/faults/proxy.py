"""A TLS proxy between Deployer and its cluster. It passes everything on, until it is told what shall go wrong."""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.faults.passing import serve
from tests.faults.troubles import Trouble


class Proxy:
    """Serves on a port of 127.0.0.1, in a thread of its own, with the certificate of the cluster behind it.

    `credentials`: the folder of the local cluster that holds `ca.crt`, `server.crt` and `server.key`. Tokens are the
    clients' own and passed on.
    """

    def __init__(self, kubeconfig: Path, credentials: Path) -> None:
        self.config = yaml.safe_load(kubeconfig.read_text())
        self.upstream: str = self.config["clusters"][0]["cluster"]["server"]
        self.trust = ssl.create_default_context(cafile=str(credentials / "ca.crt"))
        self.client = httpx.AsyncClient(
            verify=self.trust,
            timeout=None,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(credentials / "server.crt", credentials / "server.key")
        self.trouble = Trouble()
        self.port = 0
        self.door: asyncio.Server | None = None
        self.connections: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="proxy", daemon=True)

    def start(self) -> None:
        self.thread.start()
        self._do(self._open())

    def stop(self) -> None:
        self._do(self._shut())
        self._do(self.client.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)

    def kubeconfig(self) -> str:
        """The cluster's, with our address in place of its own."""
        changed: dict[str, Any] = json.loads(json.dumps(self.config))
        changed["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.port}"
        return json.dumps(changed)

    @contextlib.contextmanager
    def suffers(self, trouble: Trouble) -> Iterator[None]:
        """Streams that are open are ended at its beginning and at its end, so that all there are suffer from it."""
        self.trouble = trouble
        self.cut()
        try:
            yield
        finally:
            self.trouble = Trouble()
            self.open()
            self.cut()

    def shut(self) -> None:
        """Refuse connections, and end those that there are."""
        self._do(self._shut())

    def open(self) -> None:
        self._do(self._open())

    def cut(self) -> None:
        """End all connections, streams too; new ones are welcome."""
        self._do(self._cut())

    # --- In its own thread ------------------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def _open(self) -> None:
        if self.door is None:
            self.door = await asyncio.start_server(self._meet, "127.0.0.1", self.port, ssl=self.tls)
            self.port = self.door.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self.door is not None:
            self.door.close()
            self.door = None
        await self._cut()

    async def _cut(self) -> None:
        for writer in list(self.connections):
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            await serve(reader, writer, self.client, self.upstream, lambda: self.trouble)
        finally:
            self.connections.discard(writer)
            writer.transport.abort()
