"""The output of an app for one who asked: what was, and what comes, without a gap between the two."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connections

from releases.errors import DeployerError, RunFailed
from releases.logs.pipe import Pipe
from releases.models import App
from releases.pipeline import manifests, processes
from releases.pipeline.app_output import masking
from releases.pipeline.app_output.history import History
from releases.pipeline.app_output.spoken import Choice, Spoken
from releases.pipeline.app_output.upstream import Upstream, joined
from releases.pipeline.pod_log import Position
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
Object = dict[str, Any]
BATCH, WAITING_BATCHES = 500, 10
PUT_SECONDS = 60.0


@dataclass(frozen=True)
class AppLog:
    """What somebody asked for."""

    app: App
    choice: Choice
    follow: bool

    async def parts(self, quiet_seconds: float) -> AsyncGenerator[list[Spoken], None]:
        """Lists in order; empty ones when nothing comes for so long. Following never ends, and its first list says that
        from here on nothing is missed. Raises DeployerError."""
        if not self.follow:
            async for part in _read(lambda: _history(self.app, self.choice), Seen(self.choice), quiet_seconds):
                yield part
            return
        async with joined(self.app) as upstream, aclosing(self._following(upstream, quiet_seconds)) as parts:
            async for part in parts:
                yield part

    async def _following(self, upstream: Upstream, quiet_seconds: float) -> AsyncGenerator[list[Spoken], None]:
        """First join, then read what was: what comes meanwhile is in both, and left out the second time."""
        while not upstream.ready.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(upstream.ready.wait(), quiet_seconds)
            if not upstream.ready.is_set():
                yield []
        seen, number = Seen(self.choice), upstream.last
        async for part in _read(lambda: _history(self.app, self.choice), seen, quiet_seconds):
            yield part
        yield []
        while True:
            lines = upstream.since(number)
            number = upstream.last
            if lines is None:  # too slow for what is kept: read on alone, and join again
                async for part in _read(lambda: _later(self.app, self.choice, seen.positions), seen, quiet_seconds):
                    yield part
            elif lines:
                yield seen.new(lines)
            else:
                await upstream.wait(number, quiet_seconds)
                if upstream.last == number:
                    yield []


class Seen:
    """What a follower has had, by pod uid."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.positions: dict[str, Position] = {}
        self.read: dict[str, Position] = {}

    def has_read(self, positions: Mapping[str, Position]) -> None:
        """By itself: what comes from the others up to here was had."""
        self.read = dict(positions)
        self.positions |= positions

    def new(self, lines: list[Spoken]) -> list[Spoken]:
        found = []
        for said in lines:
            if said.pod in self.read:
                if said.position <= self.read[said.pod]:
                    continue
                del self.read[said.pod]
            if said.pod:
                self.positions[said.pod] = max(self.positions.get(said.pod, said.position), said.position)
            if self.choice.takes(said):
                found.append(said)
        return found


Reading = tuple[History, Iterator[Spoken]]


def _history(app: App, choice: Choice) -> Reading:
    history = _of(app, choice)
    return history, history.read(choice)


def _later(app: App, choice: Choice, positions: Mapping[str, Position]) -> Reading:
    history = _of(app, choice)
    return history, history.read_on(positions, choice.since)


def _of(app: App, choice: Choice) -> History:
    cluster = cluster_of(app)
    found, _ = cluster.list_all("Pod", app.namespace, labels=f"{manifests.OURS},{manifests.APP}={app.name}")
    pods = [pod for pod in found if choice.wants(pod)]
    return History(cluster, pods, masking.of_app(app, map(processes.release, pods)))


async def _read(begin: Callable[[], Reading], seen: Seen, quiet_seconds: float) -> AsyncIterator[list[Spoken]]:
    """In a thread of its own. Raises DeployerError."""
    pipe: Pipe[list[Spoken]] = Pipe(WAITING_BATCHES)
    failed: list[DeployerError] = []

    def work() -> None:
        try:
            history, lines = begin()
            connections.close_all()
            while not pipe.closed and (batch := list(islice(lines, BATCH))):
                while not pipe.closed and not pipe.put(batch, PUT_SECONDS):
                    continue
            seen.has_read(history.seen)
        except DeployerError as error:
            failed.append(error)
        except Exception as error:
            logger.exception("reading the output failed")
            failed.append(RunFailed(f"Deployer itself failed ({type(error).__name__}); its log says more."))
        finally:
            connections.close_all()
            pipe.end()

    threading.Thread(target=work, name="history", daemon=True).start()
    try:
        while (taken := await pipe.take(quiet_seconds)) is not None:
            yield [said for batch in taken for said in batch]
    finally:
        pipe.close()
    if failed:
        raise failed[0]
