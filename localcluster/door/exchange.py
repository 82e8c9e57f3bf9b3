"""One request through the door: to a process and back, with bodies streamed both ways."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import h11

from localcluster.door import headers

CHUNK = 1 << 16
CONNECT_LIMIT = 5.0
ABSENCE_CHECK = 5.0
"""Seconds of silence of a process after which the door looks whether the client is still there."""
HEAD_LIMIT = 64 * 1024
REPEATABLE = {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"}


class Unanswered(Exception):
    """The process gave no byte of an answer; `safe` says whether the request may go to another one."""

    def __init__(self, safe: bool) -> None:
        super().__init__("no answer")
        self.safe = safe


class ClientGone(Exception):
    """The client went away in the middle."""


@dataclass
class Peer:
    """One end of a connection and the state of HTTP on it."""

    http: h11.Connection
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def receive(self) -> Any:
        """The next h11 event. Raises h11.RemoteProtocolError, OSError."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue and self.http.our_role is h11.SERVER:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.reader.read(CHUNK))
        return event

    async def send(self, event: Any) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.writer.close()

    def abort(self) -> None:
        with contextlib.suppress(Exception):
            self.writer.transport.abort()


@dataclass
class Lease:
    """A request's hold on a process, which keeps it from being stopped; given back early for what may last for ever."""

    port: int
    busy: dict[int, int]
    quiet: asyncio.Condition = field(repr=False)
    held: bool = True

    def __post_init__(self) -> None:
        self.busy[self.port] = self.busy.get(self.port, 0) + 1

    async def release(self) -> None:
        if not self.held:
            return
        self.held = False
        self.busy[self.port] -= 1
        if not self.busy[self.port]:
            del self.busy[self.port]
            async with self.quiet:
                self.quiet.notify_all()


async def connect(port: int) -> Peer:
    """Raises OSError."""
    async with asyncio.timeout(CONNECT_LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return Peer(h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT), reader, writer)


async def forward(client: Peer, request: h11.Request, process: Peer, lease: Lease, address: str) -> None:
    """Carries a request to a process and its answer to the client. Raises Unanswered, ClientGone."""
    head = h11.Request(
        method=request.method, target=request.target, headers=headers.for_process(list(request.headers), address)
    )
    has_body = headers.has_body(list(request.headers))
    safe = not has_body and request.method in REPEATABLE
    body: asyncio.Task[None] | None = None
    try:
        await process.send(head)
        if has_body:
            body = asyncio.create_task(_carry_body(client, process))
        else:
            await process.send(h11.EndOfMessage())
            if client.http.their_state is h11.SEND_BODY:
                await client.receive()  # its own end of message, which is at hand
        answer = await _answer(client, process, body)
    except (OSError, h11.RemoteProtocolError):
        raise Unanswered(safe) from None
    finally:
        if body and not body.done() and client.http.our_state is h11.SEND_RESPONSE:
            body.cancel()
    try:
        await _carry_answer(client, process, answer, lease)
    finally:
        if body and not body.done():
            body.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await body


async def _answer(client: Peer, process: Peer, body: asyncio.Task[None] | None) -> Any:
    """The head of the answer, or of the change of protocol; other interim answers are passed on."""
    while True:
        event = await _receive(client, process)
        if isinstance(event, h11.Response):
            return event
        if isinstance(event, h11.InformationalResponse):
            if event.status_code == 101:
                return event
            if event.status_code != 100:
                await client.send(event)
            continue
        if body and body.done() and body.exception():
            raise ClientGone
        raise h11.RemoteProtocolError("closed before an answer")


async def _receive(client: Peer, process: Peer) -> Any:
    """The process's next event; gives up when the client has left while the process is silent. Raises ClientGone."""
    waiting = asyncio.ensure_future(process.receive())
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=ABSENCE_CHECK)
            if done:
                return waiting.result()
            if client.reader.at_eof() or client.writer.transport.is_closing():
                raise ClientGone
    finally:
        waiting.cancel()


async def _carry_body(client: Peer, process: Peer) -> None:
    try:
        while True:
            event = await client.receive()
            if isinstance(event, h11.Data):
                await process.send(h11.Data(data=event.data))
            elif isinstance(event, h11.EndOfMessage):
                await process.send(h11.EndOfMessage())
                return
            else:
                raise ClientGone
    except (OSError, h11.ProtocolError) as error:
        if client.reader.at_eof():
            process.abort()
        raise ClientGone from error


async def _carry_answer(client: Peer, process: Peer, answer: Any, lease: Lease) -> None:
    kept = headers.end_to_end(list(answer.headers))
    if isinstance(answer, h11.InformationalResponse):
        upgrade = headers.get(answer.headers, b"upgrade")
        kept += [(b"connection", b"upgrade"), (b"upgrade", upgrade)]
        await _send(client, h11.InformationalResponse(status_code=101, headers=kept, reason=answer.reason))
        await lease.release()
        await _splice(client, process)
        return
    if headers.get(answer.headers, b"content-type").startswith(b"text/event-stream"):
        await lease.release()
    await _send(client, h11.Response(status_code=answer.status_code, headers=kept, reason=answer.reason))
    while True:
        try:
            event = await _receive(client, process)
        except (OSError, h11.RemoteProtocolError):
            raise ClientGone from None  # the answer is cut short, and so is what the client gets of it
        if isinstance(event, h11.Data):
            await _send(client, h11.Data(data=event.data))
        elif isinstance(event, h11.EndOfMessage):
            await _send(client, h11.EndOfMessage())
            return
        else:
            raise ClientGone


async def _send(client: Peer, event: Any) -> None:
    try:
        await client.send(event)
    except OSError:
        raise ClientGone from None


async def _splice(client: Peer, process: Peer) -> None:
    """Bytes both ways until both have ended, or one has failed."""

    async def pump(source: Peer, target: Peer) -> None:
        data = source.http.trailing_data[0]
        with contextlib.suppress(OSError):
            while True:
                if data:
                    target.writer.write(data)
                    await target.writer.drain()
                data = await source.reader.read(CHUNK)
                if not data:
                    break
            if target.writer.can_write_eof():
                target.writer.write_eof()

    await asyncio.gather(pump(client, process), pump(process, client))
