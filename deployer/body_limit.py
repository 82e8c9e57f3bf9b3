"""Refuse bodies that are too large before anything of them is kept.

Django under ASGI takes a whole body to disk before it asks who sends it.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

MEBIBYTE = 1024**2
# Forms, JSON, and whatever comes from nobody that we know: only a known sender may upload, and only a build.
SMALL = 4 * MEBIBYTE
UPLOAD = re.compile(r"/api/apps/[^/]+/builds/?\Z")
# Who sends a delivery shows only in its signature, which is of all of it; one without a signature need not be read.
DELIVERY = re.compile(r"/hooks/github/[^/]+\Z")
SIGNATURE = re.compile(rb"sha256=[0-9a-f]{64}\Z")


class TooLarge(Exception):
    """The body went past its limit while it was read."""


class BodyLimit:
    """ASGI middleware. `largest`: bytes of an upload; `knows(headers)`: whether its sender is somebody.

    `delivery`: bytes of what GitHub may send.
    """

    def __init__(
        self,
        app: Any,
        *,
        largest: int,
        knows: Callable[[dict[bytes, bytes]], Awaitable[bool]],
        delivery: int = SMALL,
    ) -> None:
        self.app, self.largest, self.knows, self.delivery = app, largest, knows, delivery

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        limit = await self._limit(scope)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            await _refuse(send, limit)
            return
        received, answered = 0, False

        async def bounded() -> dict:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge
            return message

        async def noted(message: dict) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, bounded, noted)
        except TooLarge:
            if not answered:
                await _refuse(send, limit)

    async def _limit(self, scope: dict) -> int:
        if scope["method"] == "POST" and UPLOAD.match(scope["path"]) and await self.knows(dict(scope["headers"])):
            return self.largest + MEBIBYTE
        if scope["method"] == "POST" and DELIVERY.match(scope["path"]):
            signature = dict(scope["headers"]).get(b"x-hub-signature-256", b"")
            return self.delivery if SIGNATURE.match(signature) else SMALL
        return SMALL


async def _refuse(send: Any, limit: int) -> None:
    words = f"The request is larger than {limit // MEBIBYTE} MiB."
    body = f'{{"error": {{"code": "too_large", "message": "{words}", "reasons": []}}}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
