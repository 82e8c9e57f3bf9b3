"""Follow a build or a rollout to its end: no line missing, none twice, whatever becomes of the connection."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deployer.command.failure import INTERRUPTED, Failure, Unreachable
from deployer.command.output import complain, say, words
from deployer.command.server import BrokenStream, Server

# A web server that restarts is back within this time, in seconds.
PATIENCE = 60.0
PAUSE = 0.5

Line = dict[str, Any]


def follow_build(
    server: Server, app: str, build: str, *, on_line: Callable[[Line], None] | None = None
) -> dict[str, Any]:
    """The build as it is when it is over."""
    watch = f"Watch it: deployer builds logs {build} -a {app}"
    stop = f"Stop it:  deployer builds cancel {build} -a {app}"
    with _goes_on(f"Build {build} goes on on the server.", watch, stop):
        return _follow(server, f"/apps/{app}/builds/{build}", on_line or say_message)


def follow_rollout(
    server: Server, app: str, number: int, *, on_line: Callable[[Line], None] | None = None
) -> dict[str, Any]:
    """The rollout as it is when it is over."""
    watch = f"Watch it: deployer rollouts logs {number} -a {app}"
    stop = f"Stop it:  deployer rollouts abort {number} -a {app}"
    with _goes_on(f"Rollout {number} goes on on the server.", watch, stop):
        return _follow(server, f"/apps/{app}/rollouts/{number}", on_line or say_line)


def rollout_to_success(server: Server, app: str, number: int, *, quiet: bool = False) -> dict[str, Any]:
    """Follow it, and raise Failure with reason, cause, hint and the container's last words unless it succeeded."""
    rollout = follow_rollout(server, app, number, on_line=say_nothing if quiet else None)
    if rollout["status"] != "succeeded":
        raise Failure(*_what_went_wrong(rollout))
    return rollout


def stored_lines(server: Server, path: str, on_line: Callable[[Line], None]) -> None:
    """What a log holds now, without waiting for more."""
    _Log(server, path, on_line).read(follow=False)


def say_line(line: Line) -> None:
    say(f"{line['time']} {line['stream']} {line['message']}")


def say_message(line: Line) -> None:
    """A build's lines read as its tools wrote them."""
    say(line["message"])


def say_nothing(line: Line) -> None:
    pass


class _Log:
    """Reads a log piece by piece and remembers the number of its last line."""

    def __init__(self, server: Server, path: str, on_line: Callable[[Line], None]) -> None:
        self.server, self.path, self.on_line = server, path, on_line
        self.number = 0

    def read(self, *, follow: bool) -> None:
        """Raises BrokenStream; the next call goes on behind the last line that came."""
        for line in self.server.log(f"{self.path}/log", after=self.number, follow=follow):
            if line["number"] > self.number:
                self.number = line["number"]
                self.on_line(line)


def _follow(server: Server, path: str, on_line: Callable[[Line], None]) -> dict[str, Any]:
    """The state is read before the log: once that says 'over', the log that is read after it is whole."""
    log = _Log(server, path, on_line)
    outage = _Outage(server.url)
    while True:
        state = server.get(path, patience=PATIENCE, on_trouble=outage.begins)
        over = state["finished"] is not None
        try:
            log.read(follow=not over)
        except BrokenStream:
            outage.begins()
            time.sleep(PAUSE)
            continue
        outage.ends()
        if over:
            return state


class _Outage:
    """Says once that the connection is lost."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known = False

    def begins(self) -> None:
        if not self.known:
            complain(f"The connection to {self.url} was lost; trying again for a minute…")
        self.known = True

    def ends(self) -> None:
        self.known = False


@contextmanager
def _goes_on(*notice: str) -> Iterator[None]:
    """Whoever stops watching, or can't watch any longer, learns that the work itself goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Failure("", *notice, status=INTERRUPTED) from None
    except Unreachable as lost:
        raise Unreachable(lost.message, *notice) from lost


def _what_went_wrong(rollout: dict[str, Any]) -> list[str]:
    """`Rollout 4 was rolled back: …` and what is known beside it."""
    status = "was rolled back" if rollout["status"] == "rolled_back" else words(rollout["status"])
    lines = [f"Rollout {rollout['number']} {status}: {rollout['reason'] or 'no reason was given.'}"]
    if rollout["cause"]:
        lines.append(f"Cause: {rollout['cause']}")
    if rollout["hint"]:
        lines.append(f"Hint: {rollout['hint']}")
    if rollout["evidence"]:
        lines += ["The container's last lines:", *(f"  {line}" for line in rollout["evidence"])]
    return lines
