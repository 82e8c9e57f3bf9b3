"""A localcluster in its own process, as whoever uses it meets it: by its kubeconfig."""

import asyncio
import json
import ssl
import subprocess
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx


@dataclass
class Cluster:
    """A running localcluster; `stop` and `start` keep its state and its ports."""

    folder: Path
    port: int
    door_port: int
    process: subprocess.Popen[str] | None = None
    backoff: float = 0.2
    """Seconds of the first restart back-off."""

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        paths = [f"--{name}={self.folder / name}" for name in ("home", "images", "kubeconfig")]
        ports = [f"--port={self.port}", f"--door-port={self.door_port}"]
        return [sys.executable, "-m", "localcluster", *paths, *ports, f"--restart-backoff={self.backoff}"]

    def start(self) -> None:
        self.kubeconfig.unlink(missing_ok=True)
        (self.folder / "images").mkdir(exist_ok=True)
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert "development and tests" in line, line

    def stop(self, *, kill: bool = False) -> int:
        assert self.process
        (self.process.kill if kill else self.process.terminate)()
        status = self.process.wait(30)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self.kubeconfig.read_text())
        return config

    def trust(self) -> ssl.SSLContext:
        authority = self.config()["clusters"][0]["cluster"]["certificate-authority-data"]
        return ssl.create_default_context(cadata=b64decode(authority).decode())

    @cached_property
    def _secure(self) -> ssl.SSLContext:
        return self.trust()

    def token(self) -> str:
        return str(self.config()["users"][0]["user"]["token"])

    def client(self, **headers: str) -> httpx.Client:
        given = {"authorization": f"Bearer {self.token()}", **headers}
        return httpx.Client(base_url=self.url, verify=self.trust(), headers=given, timeout=30)

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        given = {"authorization": f"Bearer {self.token()}"}
        return httpx.AsyncClient(base_url=self.url, verify=self.trust(), headers=given, timeout=60, **options)

    async def stream(self, path: str, *, limit: int = 2**20) -> AsyncIterator[dict[str, Any]]:
        """The events of a watch, at most so many bytes ahead of whoever takes them. Made of a bare connection, so that
        a thousand of them cost little here."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._secure, limit=limit)
        try:
            host = f"127.0.0.1:{self.port}"
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.token()}\r\n\r\n"
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.splitlines()[0], head
            rest = b""
            while size := int(await reader.readline(), 16):
                rest += (await reader.readexactly(size + 2))[:-2]
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    yield json.loads(line)
        finally:
            writer.close()
