"""GitHub's deliveries, over HTTP: what is not well formed or not signed is refused, all else is kept.

Beside Django's views, which share one thread: here whatever comes while the database writes is written together next,
so that hundreds a second are answered as quickly as one. The answer comes once a delivery is stored, before anything is
done about it; docs/webhooks.md tells the rest.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from releases import actions
from releases.actions import Letter
from releases.errors import DeployerError, NotAllowed
from releases.models.trouble import Trouble, trouble_of

logger = logging.getLogger(__name__)
ADDRESS = re.compile(r"/hooks/github/([^/]+)\Z")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# Together they are in memory: nobody but GitHub sends large ones, and it sends them quickly.
LARGE_BYTES, LARGE_AT_ONCE, READ_SECONDS = 1024**2, 4, 30.0
BATCH, OPEN_SECONDS = 200, 0.25
RETRY_SECONDS = "5"
Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """An answer other than 202."""

    def __init__(self, status: int, code: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or []
        self.content = {"error": {"code": code, "message": message, "reasons": []}}


class Hooks:
    """ASGI middleware: takes the deliveries, and leaves all else to `app`."""

    def __init__(self, app: Any) -> None:
        self.app, self.inbox, self.large = app, Inbox(), asyncio.Semaphore(LARGE_AT_ONCE)

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        address = ADDRESS.match(scope["path"])
        if address is None:
            await self.app(scope, receive, send)
            return
        try:
            letter = await self._letter(address[1], scope, receive)
            if letter is None:
                return  # whoever sent it is gone
            await self.inbox.keep(letter)
            await _answer(send, 202, {"delivery": letter.guid, "event": letter.event})
        except Refused as refusal:
            await _answer(send, refusal.status, refusal.content, refusal.headers)

    async def _letter(self, app_name: str, scope: dict, receive: Any) -> Letter | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if scope["method"] != "POST":
            allow = [(b"allow", b"POST")]
            raise Refused(405, "method_not_allowed", "GitHub POSTs its deliveries here.", allow)
        if kind not in (JSON, FORM) or headers.get(b"content-encoding", "identity") != "identity":
            raise Refused(415, "unsupported", f"A delivery is {JSON} or {FORM}, and not compressed.")
        try:
            async with self._turn(headers), asyncio.timeout(READ_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            raise Refused(408, "timeout", f"The delivery did not come within {READ_SECONDS:g} s.") from None
        if body is None:
            return None
        return Letter(
            app_name=app_name,
            event=headers.get(b"x-github-event", ""),
            guid=headers.get(b"x-github-delivery", ""),
            body=body,
            signature=headers.get(b"x-hub-signature-256", ""),
            is_form=kind == FORM,
        )

    @asynccontextmanager
    async def _turn(self, headers: dict[bytes, str]) -> AsyncIterator[None]:
        """Of those that are large, or do not say how large they are, few are read at once."""
        length = headers.get(b"content-length", "")
        if length.isdigit() and int(length) <= LARGE_BYTES:
            yield
            return
        async with self.large:
            yield


class Inbox:
    """Stores letters, together with all that came while the ones before were stored."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Letter, asyncio.Future]] = []
        self.full: set[int] = set()
        self.opened_at = -OPEN_SECONDS
        self.storing: asyncio.Task | None = None
        self.opening: asyncio.Task | None = None

    async def keep(self, letter: Letter) -> None:
        """Returns when it is stored. Raises Refused."""
        stored = asyncio.get_running_loop().create_future()
        self.waiting.append((letter, stored))
        if self.storing is None or self.storing.done():
            self.storing = asyncio.create_task(self._store())
        answer = await stored
        if not isinstance(answer, int):
            raise _refused(answer)

    async def _store(self) -> None:
        while self.waiting:
            batch, self.waiting = self.waiting[:BATCH], self.waiting[BATCH:]
            answers = await _receive([letter for letter, _ in batch])
            for (_, stored), answer in zip(batch, answers, strict=True):
                if not stored.done():  # its sender may be gone
                    stored.set_result(answer)
            self.full |= {answer for answer in answers if isinstance(answer, int)}
            if self.full and (self.opening is None or self.opening.done()):
                self.opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        """The first is handled at once; while many come, a few times a second is enough."""
        loop = asyncio.get_running_loop()
        while self.full:
            await asyncio.sleep(max(0.0, self.opened_at + OPEN_SECONDS - loop.time()))
            full, self.full, self.opened_at = self.full, set(), loop.time()
            await database_sync_to_async(actions.open_inboxes, thread_sensitive=False)(full)


async def _receive(letters: list[Letter]) -> Sequence[DeployerError | Trouble | int]:
    try:
        return await database_sync_to_async(actions.receive_deliveries, thread_sensitive=False)(letters)
    except DatabaseError as error:
        logger.warning("%s deliveries could not be kept: %s", len(letters), error)
        trouble = trouble_of(error)
    except Exception:
        logger.exception("%s deliveries could not be kept", len(letters))
        trouble = None
    return [trouble or DeployerError("Something went wrong on our side; it has been logged.")] * len(letters)


def _refused(answer: DeployerError | Trouble) -> Refused:
    if isinstance(answer, Trouble):
        return Refused(503, answer.code, answer.words, [(b"retry-after", RETRY_SECONDS.encode())])
    if isinstance(answer, NotAllowed):
        return Refused(403, "forbidden", answer.message)
    status = 400 if answer.code == "invalid" else 500
    return Refused(status, "bad_request" if status == 400 else "internal", answer.message)


async def _body(receive: Any) -> bytes | None:
    """None if the sender went before its end. What goes past the limit is refused by who gives it to us."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _answer(send: Any, status: int, content: dict, headers: Headers | None = None) -> None:
    body = json.dumps(content).encode()
    named = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
