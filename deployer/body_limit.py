"""Refuse bodies that are too large before anything of them is kept.

Django under ASGI takes a whole body to disk before it asks who sends it.
"""

from typing import Any

MEBIBYTE = 1024**2
# Forms, JSON, and whatever comes without a name: only known senders may upload.
SMALL = 4 * MEBIBYTE


class BodyLimit:
    """ASGI middleware. `largest`: bytes that somebody with credentials may send, right or wrong."""

    def __init__(self, app: Any, *, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        known = b"authorization" in headers or b"cookie" in headers
        limit = self.largest + MEBIBYTE if known else SMALL
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            await _refuse(send, limit)
            return
        received = 0

        async def bounded() -> dict:
            """A body without a length is cut off where it passes the limit, as if its sender had gone."""
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= limit else {"type": "http.disconnect"}

        await self.app(scope, bounded, send)


async def _refuse(send: Any, limit: int) -> None:
    words = f"The request is larger than {limit // MEBIBYTE} MiB."
    body = f'{{"error": {{"code": "too_large", "message": "{words}", "reasons": []}}}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
