"""The processes of an app for a page, as the cluster reports them, or as it reported them last."""

from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from releases import actions
from releases.errors import DeployerError
from releases.models import App
from releases.pages.looks import PATIENCE_SECONDS, last_answer, look
from releases.pipeline.inspect import Process
from releases.policy import Actor

FRESH_SECONDS = 0.5
WHAT = "processes"


@dataclass(frozen=True)
class Running:
    """`trouble`: why the cluster can't say; `waiting`: it has not answered yet. Then the processes are those that it
    told of `as_of`; none where it never did."""

    processes: list[Process]
    trouble: str = ""
    waiting: bool = False
    as_of: datetime | None = None

    @property
    def unknown(self) -> bool:
        return bool(self.trouble or self.waiting) and self.as_of is None


def running(app: App, *, by: Actor) -> Running:
    """With the one-off processes. Never raises, never waits long."""
    ask = partial(actions.processes, app, by=by, runs=True)
    try:
        return Running(look(WHAT, app, ask, fresh_seconds=FRESH_SECONDS).result(PATIENCE_SECONDS))
    except NotYet:
        return _last(app, waiting=True)
    except DeployerError as error:
        return _last(app, trouble=error.message)


def _last(app: App, *, trouble: str = "", waiting: bool = False) -> Running:
    as_of, processes = last_answer(WHAT, app) or (None, [])
    return Running(processes, trouble, waiting, as_of)
