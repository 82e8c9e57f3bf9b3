"""An app in a house, as it is seen from outside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.journeys import doors
from tests.journeys.processes import runs_for
from tests.journeys.told import Told
from tests.journeys.waiting import until

if TYPE_CHECKING:
    from tests.journeys.house import House


class App:
    def __init__(self, house: "House", name: str) -> None:
        self.house, self.name, self.namespace = house, name, f"deployer-{name}"

    # --- By the command ---------------------------------------------------------------------------------------------

    def command(self, *arguments: str) -> Told:
        return self.house.command(*arguments, "-a", self.name)

    def deploy(self, source: Path) -> Told:
        return self.command("deploy", str(source))

    def deployed(self, source: Path) -> str:
        """Deploys a source that must succeed. Gives its release."""
        told = self.deploy(source)
        assert told.status == 0, told.all
        return self.release

    def built(self, source: Path) -> str:
        """The release of a source that is built and not promoted."""
        told = self.command("build", str(source))
        assert told.status == 0, told.all
        return told.out.split("Release: ")[1].split()[0]

    # --- By the API -------------------------------------------------------------------------------------------------

    def get(self, path: str = "", **query: Any) -> Any:
        answer = self.house.api.get(f"/apps/{self.name}{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **content: Any) -> httpx.Response:
        return self.house.api.post(f"/apps/{self.name}{path}", **content)

    def promote(self, release: str) -> int:
        """The number of the rollout that this starts."""
        answer = self.post(f"/releases/{release}/promote")
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    @property
    def release(self) -> str:
        """The active one; "" if there is none."""
        return self.get()["release"] or ""

    def rollout(self, number: int | None = None) -> dict[str, Any]:
        """The newest, if none is named."""
        number = number or self.get("/rollouts", limit=1)["items"][0]["number"]
        return self.get(f"/rollouts/{number}")

    def ended(self, number: int, *, seconds: float = 60) -> dict[str, Any]:
        """The rollout, once it is over."""
        what = f"the end of rollout {number}"
        return until(lambda: self._over(number), what, seconds=seconds, tell=self.house.log_tail)

    def _over(self, number: int) -> dict[str, Any] | None:
        rollout = self.rollout(number)
        return rollout if rollout["finished"] else None

    def reaches(self, number: int, *statuses: str, seconds: float = 40) -> str:
        """The rollout's status, once it is one of these."""
        return until(
            lambda: (status := self.rollout(number)["status"]) in statuses and status,
            f"{' or '.join(statuses)} of rollout {number}",
            seconds=seconds,
            tell=lambda: str(self.rollout(number)),
        )

    def log(self, path: str) -> list[dict[str, Any]]:
        """Of `/rollouts/<number>` or `/builds/<id>`, as it is now."""
        answer = self.house.api.get(f"/apps/{self.name}{path}/log")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines() if line.strip()]

    def all_logs(self) -> Iterator[list[dict[str, Any]]]:
        for rollout in self.get("/rollouts", limit=200)["items"]:
            yield self.log(f"/rollouts/{rollout['number']}")
        for build in self.get("/builds", limit=200)["items"]:
            yield self.log(f"/builds/{build['id']}")

    def logs_are_whole(self) -> bool:
        return all(doors.is_gap_free(lines) for lines in self.all_logs())

    # --- By its address, and in the cluster -------------------------------------------------------------------------

    @property
    def host(self) -> str:
        return f"{self.name}.localhost:{self.house.door_port}"

    def ask(self) -> tuple[int, str]:
        return doors.ask(self.house.door_port, self.host)

    def answers(self, words: str, *, seconds: float = 30) -> str:
        """Its answer, once that has these words."""

        def holds() -> str:
            status, body = self.ask()
            return body if status == 200 and words in body else ""

        return until(holds, f"“{words}” from {self.host}", seconds=seconds, tell=lambda: str(self.ask()))

    def pids(self) -> set[int]:
        """Of its own processes, on this machine."""
        return {process.pid for process in self.house.processes("app") if runs_for(process, self.name)}

    def objects(self, kind: str) -> list[dict[str, Any]]:
        answer = self.house.cluster.get(doors.path_of(kind, self.namespace))
        return answer.json()["items"] if answer.status_code == 200 else []

    def names(self, kind: str) -> set[str]:
        return {obj["metadata"]["name"] for obj in self.objects(kind)}
