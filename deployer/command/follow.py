"""Follow a build or a rollout to its end: no line missing, none twice, whatever becomes of the connection."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deployer.command.failure import INTERRUPTED, Failure, Unreachable
from deployer.command.output import complain, say, say_json, words
from deployer.command.server import BrokenStream, Server
from deployer.command.terminal import can_ask, paint, question

# A web server that restarts is back within this time, in seconds.
PATIENCE = 60.0
PAUSE = 0.5

Line = dict[str, Any]
OnLine = Callable[[Line], None]


@dataclass(frozen=True)
class Followed:
    """What is followed, where it is in the API, and how one watches and stops it by hand.

    `stop`: the word for stopping it, which is also the last part of the address that does it.
    """

    name: str
    path: str
    watch_by: str
    stop_by: str
    stop: str
    stopping: str

    @property
    def question(self) -> str:
        return f"\n{self.name} is under way. Leave it running, or {self.stop} it? [L/{self.stop[0]}] "

    @property
    def goes_on(self) -> list[str]:
        return [f"{self.name} goes on on the server.", f"Watch it: {self.watch_by}", f"Stop it:  {self.stop_by}"]


def follow_build(server: Server, app: str, build: str, *, on_line: OnLine | None = None) -> dict[str, Any]:
    """The build as it is when it is over."""
    followed = Followed(
        name=f"Build {build}",
        path=f"/apps/{app}/builds/{build}",
        watch_by=f"deployer builds logs {build} -a {app}",
        stop_by=f"deployer builds cancel {build} -a {app}",
        stop="cancel",
        stopping="Cancelling",
    )
    return _Follower(server, followed, on_line or say_message).to_the_end()


def follow_rollout(server: Server, app: str, number: int, *, on_line: OnLine | None = None) -> dict[str, Any]:
    """The rollout as it is when it is over."""
    followed = Followed(
        name=f"Rollout {number}",
        path=f"/apps/{app}/rollouts/{number}",
        watch_by=f"deployer rollouts logs {number} -a {app}",
        stop_by=f"deployer rollouts abort {number} -a {app}",
        stop="abort",
        stopping="Aborting",
    )
    return _Follower(server, followed, on_line or say_line).to_the_end()


def rollout_to_success(server: Server, app: str, number: int, *, quiet: bool = False) -> dict[str, Any]:
    """Follow it, and raise Failure unless it succeeded."""
    rollout = follow_rollout(server, app, number, on_line=say_nothing if quiet else None)
    require_success(rollout)
    return rollout


def require_success(rollout: dict[str, Any]) -> None:
    """Of one that is over. Raises Failure with reason, cause, hint and the container's last words."""
    if rollout["status"] != "succeeded":
        raise Failure(*_what_went_wrong(rollout))


def stored_lines(server: Server, path: str, on_line: OnLine) -> None:
    """What a log holds now, without waiting for more."""
    _Log(server, path, on_line).read(follow=False)


def say_line(line: Line) -> None:
    say(f"{paint(line['time'] + ' ' + line['stream'], 'dim')} {line['message']}")


def say_message(line: Line) -> None:
    """A build's lines read as its tools wrote them."""
    say(line["message"])


def say_as_json(line: Line) -> None:
    say_json(line, indent=None)


def say_nothing(line: Line) -> None:
    pass


class _Log:
    """Reads a log piece by piece and remembers the number of its last line."""

    def __init__(self, server: Server, path: str, on_line: OnLine) -> None:
        self.server, self.path, self.on_line = server, path, on_line
        self.number = 0

    def read(self, *, follow: bool) -> None:
        """Raises BrokenStream; the next call goes on behind the last line that came."""
        for line in self.server.log(f"{self.path}/log", after=self.number, follow=str(follow).lower()):
            if line["number"] > self.number:
                self.number = line["number"]
                self.on_line(line)


class _Follower:
    def __init__(self, server: Server, followed: Followed, on_line: OnLine) -> None:
        self.server, self.followed = server, followed
        self.log = _Log(server, followed.path, on_line)
        self.outage = Outage(server.url)

    def to_the_end(self) -> dict[str, Any]:
        """What is followed, as it is then. Whoever stops watching, or can't any longer, learns that it goes on."""
        try:
            while True:
                try:
                    return self._follow()
                except KeyboardInterrupt:
                    self._stop_or_leave()
        except KeyboardInterrupt:
            raise self._left() from None
        except Unreachable as lost:
            raise Unreachable(lost.message, *self.followed.goes_on) from lost

    def _follow(self) -> dict[str, Any]:
        """The state is read before the log: once that says 'over', the log that is read after it is whole."""
        while True:
            state = self.server.get(self.followed.path, patience=PATIENCE, on_trouble=self.outage.begins)
            over = state["finished"] is not None
            try:
                self.log.read(follow=not over)
            except BrokenStream:
                self.outage.begins()
                time.sleep(PAUSE)
                continue
            self.outage.ends()
            if over:
                return state

    def _stop_or_leave(self) -> None:
        """After a Ctrl-C. Comes back when it is to be stopped, and that is on its way; a second Ctrl-C leaves it."""
        followed = self.followed
        if not can_ask() or question(followed.question) not in (followed.stop, followed.stop[0]):
            raise self._left()
        try:
            self.server.post(f"{followed.path}/{followed.stop}")
        except Unreachable:
            raise
        except Failure as refused:
            complain(refused.message, *refused.details)
        else:
            say(f"{followed.stopping} {followed.name[0].lower()}{followed.name[1:]}...")

    def _left(self) -> Failure:
        return Failure("", *self.followed.goes_on, status=INTERRUPTED)


class Outage:
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


def last_words(evidence: list[str]) -> list[str]:
    """What a container wrote before it ended, under a heading; nothing where nothing is known."""
    return ["The container's last lines:", *(f"  {line}" for line in evidence)] if evidence else []


def _what_went_wrong(rollout: dict[str, Any]) -> list[str]:
    """`Rollout 4 was rolled back: …` and what is known beside it."""
    status = "was rolled back" if rollout["status"] == "rolled_back" else words(rollout["status"])
    lines = [f"Rollout {rollout['number']} {status}: {rollout['reason'] or 'no reason was given.'}"]
    if rollout["cause"]:
        lines.append(f"Cause: {rollout['cause']}")
    if rollout["hint"]:
        lines.append(f"Hint: {rollout['hint']}")
    lines += last_words(rollout["evidence"])
    if rollout["status"] in ("failed", "rolled_back"):
        lines.append(f"Why: deployer rollouts diagnosis {rollout['number']} -a {rollout['app']}")
    return lines
