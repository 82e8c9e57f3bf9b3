"""Between ASGI and the API's requests and responses, and the sockets below."""

import asyncio
import contextlib
import socket
import uuid
from asyncio import sslproto
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

from localcluster.credentials import Credentials
from localcluster.errors import BadRequest, StatusError, TooLarge
from localcluster.server.messages import Response

_LARGEST_BODY = 3 * 1024 * 1024
_LONGEST_BODY = 60.0
"""Seconds, as the API server's."""
_TLS_BUFFER = 32 * 1024


async def read_body(receive: Any) -> bytes:
    """The whole body. Raises TooLarge, BadRequest when the client goes away, StatusError (504) when it takes its
    time."""
    try:
        async with asyncio.timeout(_LONGEST_BODY):
            return await _read_body(receive)
    except TimeoutError:
        message = "Timeout: request did not complete within the allotted timeout"
        raise StatusError(504, "Timeout", message, {}, {"Connection": "close"}) from None


async def _read_body(receive: Any) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("the client went away")
        size += len(message.get("body", b""))
        if size > _LARGEST_BODY:
            raise TooLarge(_LARGEST_BODY)
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def respond(response: Response, receive: Any, send: Any) -> None:
    headers = {"content-type": response.media_type, "audit-id": str(uuid.uuid4()), "cache-control": "no-cache, private"}
    headers |= response.headers
    encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    try:
        if isinstance(response.body, bytes):
            encoded.append((b"content-length", str(len(response.body)).encode()))
            await send({"type": "http.response.start", "status": response.status, "headers": encoded})
            await send({"type": "http.response.body", "body": response.body})
        else:
            await send({"type": "http.response.start", "status": response.status, "headers": encoded})
            await _stream(response.body, receive, send)
    finally:
        response.finish()


async def _stream(body: AsyncIterator[bytes], receive: Any, send: Any) -> None:
    """Sends pieces until there are no more or the client is gone."""

    async def pump() -> None:
        # the headers go out at once, also when nothing happens for an hour
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def client_left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(pump()), asyncio.create_task(client_left())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process has its own handlers."""
        yield


def listen(port: int) -> socket.socket:
    """A listening socket on a port of 127.0.0.1. Raises OSError."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def make_server(api: Any, credentials: Credentials) -> uvicorn.Server:
    """Serves the API over TLS; `serve(sockets=[…])` runs it on this loop until `should_exit` is set."""
    # asyncio keeps a quarter of a megabyte for each connection; a TLS record has 16 KiB, and watches are many
    sslproto.SSLProtocol.max_size = _TLS_BUFFER
    config = uvicorn.Config(
        api,
        ssl_certfile=credentials.certificate,
        ssl_keyfile=credentials.key,
        lifespan="off",
        ws="none",
        interface="asgi3",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 * 1024,
    )
    return _Uvicorn(config)
