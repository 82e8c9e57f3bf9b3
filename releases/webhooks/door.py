"""Takes deliveries off the wire, has them stored, and answers."""

import asyncio
import json
import re
from typing import Any

from releases.actions import Letter
from releases.errors import DeployerError, NotAllowed
from releases.models.trouble import Trouble
from releases.webhooks.inbox import Inbox
from releases.webhooks.reading import RETRY_SECONDS, Reading, Unfinished
from releases.webhooks.refused import UNREAD, Headers, Refused, retry_after
from releases.webhooks.senders import UNFINISHED, Senders

ADDRESS = re.compile(r"/hooks/github/([^/]+)\Z")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# Who has sent too many wrong ones is heard as far as this, which is more than a push usually has.
HEARD_BYTES = 64 * 1024


class Hooks:
    """ASGI middleware: takes the deliveries, and leaves all else to `app`."""

    def __init__(self, app: Any, *, senders: Senders | None = None, reading: Reading | None = None) -> None:
        self.app, self.inbox = app, Inbox()
        self.senders = Senders() if senders is None else senders
        self.reading = Reading() if reading is None else reading

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        address = ADDRESS.match(scope["path"])
        if address is None:
            await self.app(scope, receive, send)
            return
        try:
            letter = await self._taken(address[1], scope, receive)
            await _answer(send, 202, {"delivery": letter.guid, "event": letter.event})
        except Refused as refusal:
            await _answer(send, refusal.status, refusal.content, refusal.headers)
        except Unfinished as unfinished:
            if unfinished.answer:
                await _answer(send, unfinished.answer.status, unfinished.answer.content, unfinished.answer.headers)

    async def _taken(self, app_name: str, scope: dict, receive: Any) -> Letter:
        """One that is stored. Raises Refused, Unfinished."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        kind = _kind(scope["method"], headers)
        sender = (scope.get("client") or ("",))[0]
        announced = headers.get(b"content-length", "")
        length = int(announced) if announced.isascii() and announced.isdigit() else None
        self._refuse_unheard(sender, length)
        try:
            async with self.reading.body(receive, address=sender, length=length) as body:
                letter = Letter(
                    app_name=app_name,
                    event=headers.get(b"x-github-event", ""),
                    guid=headers.get(b"x-github-delivery", ""),
                    body=body,
                    signature=headers.get(b"x-hub-signature-256", ""),
                    is_form=kind == FORM,
                )
                answer = await self.inbox.keep(letter)
        except Unfinished:
            self.senders.was_wrong(sender, now=_now(), weight=UNFINISHED)
            raise
        if isinstance(answer, NotAllowed):
            raise self._stranger(sender, answer)
        if isinstance(answer, Trouble):
            raise Refused(503, answer.code, answer.words, retry_after(RETRY_SECONDS))
        if isinstance(answer, DeployerError) and answer.code != "invalid":
            raise Refused(500, "internal", answer.message)
        self.senders.was_right(sender, now=_now())
        if isinstance(answer, DeployerError):
            raise Refused(400, "bad_request", answer.message)
        return letter

    def _refuse_unheard(self, sender: str, length: int | None) -> None:
        """What is small is always read: it may be GitHub's, though wrong ones come from the same address."""
        if length is not None and length <= HEARD_BYTES:
            return
        seconds = self.senders.seconds_to_wait(sender, now=_now())
        if seconds and not self.senders.is_known(sender, now=_now()):
            raise _too_many(seconds, UNREAD)

    def _stranger(self, sender: str, answer: NotAllowed) -> Refused:
        """One answer, whether the app is unknown or the signature wrong; and so it is past the limit."""
        if seconds := self.senders.seconds_to_wait(sender, now=_now()):
            return _too_many(seconds)
        self.senders.was_wrong(sender, now=_now())
        return Refused(403, "forbidden", answer.message)


def _kind(method: str, headers: dict[bytes, str]) -> str:
    """The content type, JSON or FORM. Raises Refused."""
    if method != "POST":
        raise Refused(405, "method_not_allowed", "GitHub POSTs its deliveries here.", [(b"allow", b"POST")])
    kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, FORM) or headers.get(b"content-encoding", "identity") != "identity":
        raise Refused(415, "unsupported", f"A delivery is {JSON} or {FORM}, and not compressed.")
    return kind


def _too_many(seconds: int, more: Headers | None = None) -> Refused:
    words = "Too many deliveries with a wrong signature came from this address: try again later."
    return Refused(429, "too_many_requests", words, [*retry_after(seconds), *(more or [])])


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _answer(send: Any, status: int, content: dict, headers: Headers | None = None) -> None:
    body = json.dumps(content).encode()
    named = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
