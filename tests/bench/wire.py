"""HTTP with as little work on this side as can be: what is measured is the server."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import NamedTuple, Self

LENGTH = re.compile(rb"(?i)content-length: (\d+)")


class Answer(NamedTuple):
    status: int
    body: bytes


class Wire:
    """One connection to this machine, kept open. It carries one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answer:
        """Of an answer that says how long it is."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        return Answer(_status(head), await self.reader.readexactly(int(LENGTH.findall(head)[0])))

    async def pieces(self, request: bytes) -> AsyncIterator[bytes]:
        """Of an answer that comes in chunks: each as soon as it is there, until the last. Asserts that it is a 200."""
        self.writer.write(request)
        assert _status(await self.reader.readuntil(b"\r\n\r\n")) == 200
        while length := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(length + 2))[:-2]

    def close(self) -> None:
        self.writer.close()


def get(path: str, token: str) -> bytes:
    return f"GET /api{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _status(head: bytes) -> int:
    return int(head.split(b" ", 2)[1])
