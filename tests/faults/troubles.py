"""What may befall an API server on its way to us. A trouble counts how often it struck: one that never did proves
nothing.
"""

import asyncio
import itertools
import json
import random
import re
import time
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from tests.faults.exchange import Answer, Cut, Request, refusal, status
from tests.faults.streams import Lines, gathered, within

TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z"')


class Trouble:
    """None at all: everything passes. `met`: how many requests for a watch it has met."""

    of_streams = False

    def __init__(self) -> None:
        self.struck = self.met = 0

    async def instead(self, request: Request) -> Answer | None:
        """An answer that comes without asking the cluster. May take its time, or raise Cut."""
        return None

    def answer(self, request: Request, answer: Answer) -> Answer:
        """What is made of the cluster's answer. May raise Cut."""
        return answer

    def stream(self, request: Request, lines: Lines) -> Lines:
        """What is made of a watch: lines of JSON."""
        return lines


class Expired(Trouble):
    """Each watch is answered with 410: in turn at once, as an event at once, and as an event after `seconds`."""

    of_streams = True

    def __init__(self, seconds: float = 1) -> None:
        super().__init__()
        self.seconds = seconds
        self.turns: dict[str, itertools.count[int]] = defaultdict(itertools.count)

    async def instead(self, request: Request) -> Answer | None:
        if not request.is_watch or next(self.turns[request.plural]) % 3:
            return None
        self.struck += 1
        return refusal(410, "Expired", "too old resource version: 1 (2)")

    async def stream(self, request: Request, lines: Lines) -> Lines:
        self.struck += 1
        if next(self.turns[request.plural + " events"]) % 2:
            async for line in within(lines, self.seconds):
                yield line
        about = status(410, "Expired", "too old resource version: 1 (2)")
        yield _line({"type": "ERROR", "object": about})


class CutStreams(Trouble):
    """Each watch ends after so many seconds: in turn as it should, and in the middle of a line."""

    of_streams = True

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.turns = itertools.count()

    async def stream(self, request: Request, lines: Lines) -> Lines:
        async for line in within(lines, self.seconds):
            yield line
        self.struck += 1
        if next(self.turns) % 2:
            yield b'{"type":"MODIFIED","object":{"kind"'
            raise Cut


class SilentStreams(Trouble):
    """Watches stay open; once `quiet` is set nothing comes through them any more, no bookmark either."""

    of_streams = True

    def __init__(self, *, quiet: bool) -> None:
        super().__init__()
        self.quiet = quiet

    async def stream(self, request: Request, lines: Lines) -> Lines:
        async for line in lines:
            if self.quiet:
                self.struck += 1
            else:
                yield line


class Refusals(Trouble):
    """Answers `code` to the first `times` requests, or to each `every`-th one for as long as it lasts."""

    def __init__(self, code: int, *, times: int = 0, every: int = 0, retry_after: int | None = None) -> None:
        super().__init__()
        self.code, self.times, self.every, self.retry_after = code, times, every, retry_after
        self.turns = itertools.count(1)

    async def instead(self, request: Request) -> Answer | None:
        turn = next(self.turns)
        if turn > self.times and not (self.every and turn % self.every == 0):
            return None
        self.struck += 1
        headers = {"retry-after": str(self.retry_after)} if self.retry_after is not None else {}
        reason, message = REFUSALS[self.code]
        return refusal(self.code, reason, message, **headers)


REFUSALS = {
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: etcdserver: request timed out"),
    503: ("ServiceUnavailable", "apiserver not ready"),
}


class Slow(Trouble):
    """Each answer waits for up to so many seconds; the seed says for how long each."""

    def __init__(self, seconds: float, *, seed: int) -> None:
        super().__init__()
        self.seconds, self.random = seconds, random.Random(seed)

    async def instead(self, request: Request) -> Answer | None:
        self.struck += 1
        await asyncio.sleep(self.random.uniform(0, self.seconds))
        return None


class LostAnswers(Trouble):
    """Each write is done, and its answer lost, the first time that it is tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: set[tuple[str, str]] = set()

    def answer(self, request: Request, answer: Answer) -> Answer:
        write = request.method, request.target
        if not request.is_write or write in self.tried or answer.status >= 300:
            return answer
        self.tried.add(write)
        self.struck += 1
        raise Cut


class Disorder(Trouble):
    """Each event of a watch comes twice; kinds overtake each other; of the kind Event, those of a while backwards."""

    of_streams = True
    LATE = {"deployments": 1.2, "replicasets": 0.7, "jobs": 0.3, "events": 0.4}  # seconds

    async def stream(self, request: Request, lines: Lines) -> Lines:
        async for batch in gathered(lines, self.LATE.get(request.plural, 0)):
            for line in reversed(batch) if request.plural == "events" else batch:
                self.struck += 1
                yield line
                yield line


class OtherClock(Trouble):
    """The cluster's clock is off by so many minutes: each time that it tells is."""

    of_streams = True

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.by = timedelta(minutes=minutes)

    def answer(self, request: Request, answer: Answer) -> Answer:
        return Answer(answer.status, self._shifted(answer.body), answer.headers)

    async def stream(self, request: Request, lines: Lines) -> Lines:
        async for line in lines:
            yield self._shifted(line)

    def _shifted(self, text: bytes) -> bytes:
        return TIME.sub(self._shift, text)

    def _shift(self, found: re.Match[bytes]) -> bytes:
        self.struck += 1
        moved = datetime.fromisoformat(found[1].decode()) + self.by
        return b'"' + moved.isoformat().encode() + (found[2] or b"") + b'Z"'


class StaleLists(Trouble):
    """Lists are as they were `seconds` ago; and watches expire every two seconds, so that lists are asked for."""

    of_streams = True

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.seen: dict[str, list[tuple[float, Answer]]] = defaultdict(list)

    def answer(self, request: Request, answer: Answer) -> Answer:
        if not request.is_list or answer.status != 200:
            return answer
        now, seen = time.monotonic(), self.seen[request.target]
        seen.append((now, answer))
        old = [known for at, known in seen if at <= now - self.seconds]
        given = old[-1] if old else seen[0][1]
        self.struck += given.body != answer.body
        return given

    async def stream(self, request: Request, lines: Lines) -> Lines:
        async for line in within(lines, 2):
            yield line
        yield _line({"type": "ERROR", "object": status(410, "Expired", "too old resource version: 1 (2)")})


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"
