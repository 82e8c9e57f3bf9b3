"""The door: one HTTP address for all apps. A request goes to a ready process of the app that its host names."""

import asyncio
import contextlib
import os
from typing import Any

import h11

from localcluster.door.exchange import HEAD_LIMIT, ClientGone, Lease, Peer, Unanswered, connect, forward
from localcluster.door.headers import get
from localcluster.door.routes import Routes, UnknownHost

IDLE_LIMIT = 75.0
"""Seconds that a client's connection may be silent between requests, or take over a request's head."""
CLOSING_LIMIT = 0.5


class Door:
    """Listens on 127.0.0.1. A process gets no new request from the moment its pod is being deleted."""

    def __init__(self, routes: Routes, port: int) -> None:
        self.routes, self.port = routes, port
        self.busy: dict[int, int] = {}
        """Requests that are being answered, by port."""
        self._quiet = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Raises OSError when the port is in use."""
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(f"cannot listen on port {self.port}: {reason}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Takes no more connections, gives requests that are being answered half a second, then cuts all."""
        if self._server:
            self._server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_LIMIT), self._quiet:
                await self._quiet.wait_for(lambda: not self.busy)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def drained(self, port: int) -> None:
        """Waits until no request to that port is being answered."""
        async with self._quiet:
            await self._quiet.wait_for(lambda: port not in self.busy)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        client = Peer(h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT), reader, writer)
        try:
            while await self._turn(client):
                client.http.start_next_cycle()
        except (ClientGone, OSError, TimeoutError, h11.LocalProtocolError):
            client.abort()
        except asyncio.CancelledError:
            client.abort()
        finally:
            client.close()
            self._clients.discard(task)

    async def _turn(self, client: Peer) -> bool:
        """One request of a client; whether another may follow on the connection."""
        try:
            async with asyncio.timeout(IDLE_LIMIT):
                request = await client.receive()
        except h11.RemoteProtocolError as error:
            await self._answer(client, error.error_status_hint or 400, f"The request is not one: {error}\n")
            return False
        if not isinstance(request, h11.Request):
            return False
        await self._handle(client, request)
        return client.http.our_state is h11.DONE and client.http.their_state is h11.DONE

    async def _handle(self, client: Peer, request: h11.Request) -> None:
        host = get(request.headers, b"host").decode("latin-1")
        path = request.target.decode("latin-1")
        head = request.method == b"HEAD"
        address = (client.writer.get_extra_info("peername") or ("127.0.0.1",))[0]
        tried: set[int] = set()
        while True:
            try:
                ports = [port for port in self.routes.ports(host, path) if port not in tried]
            except UnknownHost:
                await self._answer(client, 404, f"No app answers to the host {host!r} here.\n", head=head)
                return
            if not ports:
                break
            tried.add(ports[0])
            if await self._try(client, request, ports[0], address):
                return
        if tried:
            text = f"The processes of {host} gave no answer.\n"
            await self._answer(client, 502, text, head=head)
        else:
            text = f"No process of {host} is ready to answer. Try again in a moment.\n"
            await self._answer(client, 503, text, head=head)

    async def _try(self, client: Peer, request: h11.Request, port: int, address: str) -> bool:
        """Whether the request is dealt with; if not, it may go to another process."""
        lease = Lease(port, self.busy, self._quiet)
        process: Peer | None = None
        try:
            process = await connect(port)
            await forward(client, request, process, lease, address)
        except Unanswered as failure:
            if failure.safe:
                return False
            await self._answer(client, 502, "The process closed the connection without an answer.\n")
        except (OSError, TimeoutError):
            if process is None:
                return False
            raise
        finally:
            if process:
                process.close()
            await lease.release()
        return True

    @staticmethod
    async def _answer(client: Peer, status: int, text: str, *, head: bool = False) -> None:
        """A plain text page of our own; the connection is closed after it, for a body may still be on its way."""
        if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = text.encode()
        fields = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("connection", "close"),
        ]
        if status == 503:
            fields.append(("retry-after", "1"))
        await client.send(h11.Response(status_code=status, headers=fields))
        if not head:
            await client.send(h11.Data(data=body))
        await client.send(h11.EndOfMessage())
