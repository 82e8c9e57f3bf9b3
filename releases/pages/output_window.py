"""The page of what an app's processes write. Nothing of that is stored: the browser follows it, and holds it."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self
from urllib.parse import urlencode

from asgiref.sync import async_to_sync

from releases import actions
from releases.errors import DeployerError
from releases.logs.search import ERROR_WORDS
from releases.models import App, Release
from releases.policy import Actor

STILL_LINES = 200
STILL_SECONDS = 5.0


@dataclass(frozen=True)
class OutputLine:
    number: int
    time: datetime
    stream: str
    message: str

    @classmethod
    def of(cls, number: int, time: str, stream: str, message: str) -> Self:
        return cls(number, datetime.fromisoformat(time), stream, message)


@dataclass(frozen=True)
class OutputWindow:
    """For the template of a log. `lines`: none, unless they were asked for (without JavaScript); `trouble`: why they
    can't be had."""

    app: App
    service: str
    process: str
    lines: list[OutputLine] = field(default_factory=list)
    still: bool = False
    trouble: str = ""
    kind: str = "output"

    @property
    def address(self) -> str:
        return f"/ws/logs/app/{self.app.name}?{self.query}"

    @property
    def query(self) -> str:
        given = {"service": self.service, "process": self.process}
        return urlencode({name: value for name, value in given.items() if value})

    @property
    def error_words(self) -> str:
        return ERROR_WORDS

    @property
    def stream(self) -> str:
        """What is chosen, as the lines name it."""
        if self.process:
            return f"service/{self.service}/{self.process}" if self.service else self.process
        return f"service/{self.service}" if self.service else ""

    @property
    def streams(self) -> list[str]:
        releases = filter(None, (self.app.active_release, _coming(self.app)))
        known = sorted({f"service/{name}" for release in releases for name in release.manifest["services"]})
        return known if not self.stream or self.stream in known else [*known, self.stream]


def still(window: OutputWindow, *, by: Actor) -> OutputWindow:
    """With the last lines as they are now; with the reason when they can't be read."""
    try:
        wanted = actions.app_log(window.app, by=by, service=window.service, process=window.process, lines=STILL_LINES)
        return replace(window, still=True, lines=async_to_sync(_read)(wanted))
    except TimeoutError:
        return replace(window, still=True, trouble="The cluster does not answer in time. Load the page again.")
    except DeployerError as error:
        return replace(window, still=True, trouble=error.message)


async def _read(wanted: actions.AppLog) -> list[OutputLine]:
    lines: list[OutputLine] = []
    async with asyncio.timeout(STILL_SECONDS), aclosing(wanted.parts(STILL_SECONDS)) as parts:
        async for part in parts:
            lines += [OutputLine.of(number, **said.content) for number, said in enumerate(part, len(lines) + 1)]
    return lines


def _coming(app: App) -> Release | None:
    rollout = app.unfinished_rollout
    return rollout.release if rollout else None
