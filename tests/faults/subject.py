"""Apps whose rollouts are disturbed, and what such a rollout should come to."""

import itertools
import sqlite3
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until

Object = dict[str, Any]
OVER = ("succeeded", "failed", "rolled_back", "cancelled", "superseded")
# It comes into motion after PAUSE seconds; then crashes if it is told to; and serves once there is a file, if one is
# named: a test decides when.
PRELUDE = """
import os, sys, time
time.sleep(float(os.environ.get("PAUSE", "0")))
if os.environ.get("CRASH"):
    print("no queue at QUEUE_URL", flush=True)
    sys.exit(3)
while not os.path.exists(os.environ.get("GATE", "/")):
    time.sleep(0.05)
"""
MIGRATES = """
import os, time
with open({trace!r}, "a") as trace:
    trace.write(os.environ["DEPLOYER_RELEASE"] + "\\n")
for step in (1, 2):
    print("migrating, step", step, flush=True)
    time.sleep(float(os.environ.get("PAUSE", "0.3")))
"""


@dataclass(frozen=True)
class Kind:
    """A kind of rollout. `variables` make it what it is; `lines`: how many an undisturbed one's log has at most."""

    name: str
    status: str
    lines: int
    count: int = 1
    has_command: bool = False
    variables: dict[str, str] = field(default_factory=dict)


UPDATE = Kind("update", "succeeded", lines=24, count=2)
DOOM = Kind("doom", "rolled_back", lines=23, count=2, variables={"CRASH": "1"})
COMMAND = Kind("command", "succeeded", lines=24, has_command=True)
KINDS = (UPDATE, DOOM, COMMAND)
# Slow enough that there is something to trouble; such a rollout needs two pauses.
SLOW = {"PAUSE": "0.8"}
SLOW_KINDS = tuple(replace(kind, name=f"slow-{kind.name}", variables=kind.variables | SLOW) for kind in KINDS)


@dataclass
class Run:
    """One rollout of a subject. `before`: the release that was active; `pods`: those that ran then, by uid."""

    subject: "Subject"
    number: int
    owner: str
    release: str
    colour: str
    before: str
    pods: dict[str, Object]
    ran: list[str]
    begun: float

    @property
    def app(self) -> App:
        return self.subject.app

    @property
    def kind(self) -> Kind:
        return self.subject.kind

    def ended(self, *, seconds: float = 60) -> Object:
        """The rollout, once it is over. The database is asked: the API's answers would cost the workers their speed."""
        until(self.is_over, f"the end of {self.owner}", seconds=seconds, tell=self.story)
        return self.app.rollout(self.number)

    def story(self) -> str:
        lines = [f"{line['number']:>3} {line['time']} {line['stream']} {line['message']}" for line in self.log()]
        return "\n".join([f"{self.app.name}, rollout {self.number}, is {self.state()}; its log:", *lines])

    def log(self) -> list[Object]:
        return self.app.log(f"/rollouts/{self.number}")

    def lines(self) -> int:
        """How many lines of its log are in the database at this moment."""
        query = "SELECT count(*) FROM releases_logline WHERE owner = ?"
        return self.subject.database.execute(query, [self.owner]).fetchone()[0]

    def state(self) -> tuple[str, int, bool]:
        """Status, epoch, and whether a worker has it, as the database says."""
        query = "SELECT status, epoch, taken FROM releases_rollout WHERE 'rollout-' || id = ?"
        status, epoch, taken = self.subject.database.execute(query, [self.owner]).fetchone()
        return status, epoch, bool(taken)

    def is_over(self) -> bool:
        return self.state()[0] in OVER

    def reaches_line(self, number: int) -> bool:
        """Waits until that line is in the database; False if the rollout ends without it."""
        deadline = time.monotonic() + 60
        while self.lines() < number:
            if self.is_over():
                return self.lines() >= number
            assert time.monotonic() < deadline, f"line {number} did not come: {self.log()}"
            time.sleep(0.002)
        return True


class Subject:
    """An app with a release that runs; each run sets a variable, which makes a release and its rollout."""

    _numbers = itertools.count(1)

    def __init__(self, house: House, kind: Kind, folder: Path, **manifest: Any) -> None:
        self.kind = kind
        self.app = house.app(f"{kind.name}-{next(self._numbers)}")
        self.trace = folder / "trace"
        self.app.deployed(self._source(folder / "source", manifest))
        path = house.home / "deployer.sqlite3"
        self.database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self.turns = itertools.count(1)

    def _source(self, folder: Path, manifest: dict[str, Any]) -> Path:
        if self.kind.has_command:
            manifest["release"] = {"command": [*sources.PYTHON, "migrate.py"], "timeout": 30}
        sources.serving(folder, "v1", count=self.kind.count, **manifest)
        server = folder / "server.py"
        server.write_text(PRELUDE + server.read_text())
        (folder / "migrate.py").write_text(MIGRATES.format(trace=str(self.trace)))
        return folder

    def begin(self, **variables: str) -> Run:
        app = self.app
        colour = f"turn-{next(self.turns)}"
        until(self._is_at_rest, "the end of the rollout before", seconds=60)
        until(lambda: len(self.running()) == self.kind.count, "the processes of before", tell=lambda: str(self.pods()))
        before, pods, ran = app.release, self.running(), self.ran()
        wanted = {"COLOUR": colour} | self.kind.variables | variables
        begun = time.time()
        answer = app.house.api.patch(f"/apps/{app.name}/env", json={"set": wanted})
        assert answer.status_code == 200, answer.text
        number = answer.json()["rollout"]
        query = (
            "SELECT r.id FROM releases_rollout r JOIN releases_app a ON a.id = r.app_id WHERE name = ? AND number = ?"
        )
        key = self.database.execute(query, [app.name, number]).fetchone()[0]
        return Run(self, number, f"rollout-{key}", answer.json()["release"], colour, before, pods, ran, begun)

    def _is_at_rest(self) -> bool:
        query = "SELECT r.status FROM releases_rollout r JOIN releases_app a ON a.id = r.app_id WHERE name = ?"
        return all(status in OVER for (status,) in self.database.execute(query, [self.app.name]))

    def ran(self) -> list[str]:
        """The releases whose release command has begun to run, once for each time."""
        return self.trace.read_text().split() if self.trace.exists() else []

    def pods(self) -> list[Object]:
        return self.app.objects("pods")

    def running(self) -> dict[str, Object]:
        """The processes of its services that are not ending, by uid."""
        staying = [pod for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["uid"]: pod for pod in staying if "deployer/service" in pod["metadata"]["labels"]}
