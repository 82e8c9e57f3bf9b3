"""A line that a process has written, and which lines somebody wants."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from releases import logs
from releases.pipeline import manifests, processes
from releases.pipeline.pod_log import Position

Object = dict[str, Any]
OURS = "system/deployer"
LINES_MAX = 5000


@dataclass(frozen=True, slots=True)
class Spoken:
    """`time` orders the lines of several processes: RFC 3339 UTC. `pod`: uid; "" for a word of our own. `encoded`: its
    JSON without the opening brace: a number goes before it. `passing`: that a process has come or gone."""

    pod: str
    name: str
    service: str
    position: Position
    time: str
    encoded: bytes
    passing: bool = False

    @property
    def content(self) -> dict[str, str]:
        """`time`, `stream` and `message`."""
        return json.loads(b"{" + self.encoded)


@dataclass(frozen=True)
class Choice:
    """`service`, `process`: "" for all. `since`: an RFC 3339 time of nine digits after the second; "": from the
    beginning. `lines`: the last so many of all of them; None: all. `passing`: told when processes come and go, too."""

    service: str = ""
    process: str = ""
    since: str = ""
    lines: int | None = None
    passing: bool = False

    def wants(self, pod: Object) -> bool:
        service = processes.service(pod)
        if self.process:
            return processes.name(pod) == self.process
        return service == self.service if self.service else is_output(pod)

    def takes(self, said: Spoken) -> bool:
        if not said.pod and not said.passing:
            return True
        if said.passing and not self.passing:
            return False
        return said.name == self.process if self.process else self.service in ("", said.service)


def is_output(pod: Object) -> bool:
    """Of a service, or of a timer."""
    return bool(processes.service(pod) or _timer(pod))


def of(pod: Object, position: Position, text: str, mask: logs.Mask) -> Spoken:
    service, name = processes.service(pod), processes.name(pod)
    stream = f"service/{service}/{name}" if service else f"timer/{_timer(pod)}/{name}"
    time = in_utc(position.time)
    return Spoken(processes.uid(pod), name, service, position, time, _encoded(time, stream, mask.hide(text)))


def own_words(words: str) -> Spoken:
    time = stamp(datetime.now(UTC))
    return Spoken("", "", "", Position(time), time, _encoded(time, OURS, words))


def passing(pod: Object, words: str) -> Spoken:
    """A process has come or gone."""
    time = stamp(datetime.now(UTC))
    service, name = processes.service(pod), processes.name(pod)
    return Spoken("", name, service, Position(time), time, _encoded(time, OURS, f"{name} {words}"), passing=True)


def stamp(moment: datetime) -> str:
    """As the cluster writes times: to compare with them."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def in_utc(time: str) -> str:
    """A node may write its own time zone."""
    if time.endswith("Z"):
        return time
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return time
    nanoseconds = time.partition(".")[2][6:9]
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        + (nanoseconds if nanoseconds.isdigit() else "000")
        + "Z"
    )


def _timer(pod: Object) -> str:
    return (pod["metadata"].get("labels") or {}).get(manifests.TIMER, "")


def _encoded(time: str, stream: str, text: str) -> bytes:
    return json.dumps({"time": time, "stream": stream, "message": logs.clean(text)}).encode()[1:]
