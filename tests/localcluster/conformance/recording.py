"""A recording of a real cluster (tests/recordings/README.md has the format)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "recordings"


@dataclass(frozen=True)
class Change:
    """One line of a watch; `t` is the time of its arrival in seconds."""

    t: float
    type: str
    kind: str
    object: Object


@dataclass(frozen=True)
class Action:
    """One request of the recorder, sent at `t`, and the answer."""

    t: float
    note: str
    method: str
    path: str
    content_type: str | None
    body: Object | None
    status: int
    response: Any


@dataclass(frozen=True)
class Recording:
    """What the recorder did to a cluster, and what it saw of it, in order of arrival."""

    name: str
    changes: list[Change]
    actions: list[Action]

    def before(self, t: float) -> "Recording":
        """The recording as it was when so much time had passed."""
        return Recording(
            self.name,
            [change for change in self.changes if change.t < t],
            [action for action in self.actions if action.t < t],
        )

    @property
    def initial(self) -> list[Object]:
        """The objects that were there when the watches were opened."""
        return [change.object for change in self.before(self.actions[0].t).changes]

    @property
    def loops(self) -> bool:
        """Whether it ends amid restarts that go on."""
        pods = [change.object for change in self.changes if change.kind == "Pod"]
        statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
        return any(status["restartCount"] for status in statuses)


def load(name: str) -> Recording:
    changes = [
        Change(line["t"], line["type"], line["kind"], line["object"])
        for line in _lines(f"{name}.jsonl")
        if line["type"] != "BOOKMARK"
    ]
    actions = [
        Action(
            line["t"],
            line["note"],
            line["method"],
            line["path"],
            line["contentType"],
            line["body"],
            line["status"],
            line["response"],
        )
        for line in _lines(f"{name}.actions.jsonl")
        if "method" in line
    ]
    return Recording(name, changes, actions)


def _lines(file: str) -> Iterator[Object]:
    for line in (FOLDER / file).read_text().splitlines():
        yield json.loads(line)
