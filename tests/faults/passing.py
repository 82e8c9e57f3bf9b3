"""Passes on what one connection asks for, as the trouble of the moment allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import h11
import httpx

from tests.faults.exchange import Answer, Cut, Request
from tests.faults.troubles import Trouble

NOT_PASSED_ON = {"host", "connection", "accept-encoding", "content-length", "transfer-encoding", "content-encoding"}
CHUNK = 65536


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    client: httpx.AsyncClient,
    upstream: str,
    trouble: Callable[[], Trouble],
) -> None:
    """Until the client leaves, the cluster is gone, or somebody cuts the connection."""
    peer = Peer(reader, writer)
    with contextlib.suppress(Cut, OSError, httpx.TransportError, h11.ProtocolError):
        while request := await peer.receive():
            passing = asyncio.ensure_future(_pass(peer, request, client, upstream, trouble()))
            if request.is_stream:
                await _while_there(peer, passing)
            else:
                await passing
            peer.http.start_next_cycle()


async def _while_there(peer: "Peer", passing: "asyncio.Future[Any]") -> None:
    """A quiet stream would not notice that nobody listens any more."""
    gone: asyncio.Future[Any] = asyncio.ensure_future(peer.reader.read(1))
    try:
        done, _ = await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
        if passing not in done:
            raise Cut
        await passing
    finally:
        for task in (passing, gone):
            task.cancel()
        await asyncio.gather(passing, gone, return_exceptions=True)


async def _pass(peer: "Peer", request: Request, client: httpx.AsyncClient, upstream: str, trouble: Trouble) -> None:
    trouble.met += request.is_watch
    if answer := await trouble.instead(request):
        await peer.answer(answer)
        return
    headers = {name: value for name, value in request.headers.items() if name not in NOT_PASSED_ON}
    headers["accept-encoding"] = "identity"
    async with client.stream(
        request.method, upstream + request.target, headers=headers, content=request.body
    ) as response:
        kept = {name: value for name, value in response.headers.items() if name not in NOT_PASSED_ON}
        if not (request.is_stream and response.status_code == 200):
            body = await response.aread()
            await peer.answer(trouble.answer(request, Answer(response.status_code, body, kept)))
        elif request.is_watch:
            await peer.stream(kept, trouble.stream(request, _lines(response)))
        else:
            await peer.stream(kept, response.aiter_raw())


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.aiter_raw():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"


class Peer:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.SERVER)

    async def receive(self) -> Request | None:
        """The next request, whole; None when the client has left."""
        head, body = None, b""
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(CHUNK))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head:
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, body)
            else:
                return None

    async def answer(self, answer: Answer) -> None:
        fields = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        await self._send(h11.Response(status_code=answer.status, headers=fields))
        await self._send(h11.Data(data=answer.body))
        await self._send(h11.EndOfMessage())

    async def stream(self, headers: dict[str, str], chunks: AsyncIterator[bytes]) -> None:
        fields = [*headers.items(), ("transfer-encoding", "chunked")]
        await self._send(h11.Response(status_code=200, headers=fields))
        async for chunk in chunks:
            await self._send(h11.Data(data=chunk))
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()
