"""An app on the given cluster, as it is seen from outside."""

from pathlib import Path
from typing import Any

from tests.cluster import patience
from tests.cluster.kube import Kube, Object
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until

OURS = "app.kubernetes.io/managed-by=deployer"
APP, SERVICE, RELEASE = "deployer/app", "deployer/service", "deployer/release"


class ClusterApp(App):
    """What the cluster says of it comes from the cluster, by the kubeconfig that the tests were given."""

    def __init__(self, house: House, name: str, kube: Kube) -> None:
        super().__init__(house, name)
        self.kube = kube

    # --- Promotes ---------------------------------------------------------------------------------------------------

    def carried(self, source: Path) -> dict[str, Any]:
        """The rollout of this source, once it is over."""
        return self.over(self.promote(self.built(source)))

    def deployed(self, source: Path) -> str:
        """Deploys a source that must succeed. Gives its release."""
        rollout = self.carried(source)
        assert rollout["status"] == "succeeded", self.story(rollout)
        return self.release

    def over(self, number: int) -> dict[str, Any]:
        return self.ended(number, seconds=patience.ROLLOUT)

    def rolls(self, number: int) -> None:
        """Waits until this rollout has changed what runs."""
        self.reaches(number, "rolling", "succeeded", "rolling_back", seconds=patience.SOON)
        release = self.rollout(number)["release"]
        self.until(lambda: self.pods(release=release), f"a process of {release}")

    def said(self, number: int) -> str:
        """A rollout's log as text."""
        return "\n".join(f"{line['stream']} {line['message']}" for line in self.log(f"/rollouts/{number}"))

    def story(self, rollout: dict[str, Any]) -> str:
        return f"{rollout}\n{self.said(rollout['number'])}"

    def until(self, holds: Any, what: str) -> Any:
        return until(holds, f"{what} of {self.name}", seconds=patience.SOON, tell=self.pictured)

    # --- What the cluster says --------------------------------------------------------------------------------------

    def objects(self, kind: str) -> list[Object]:
        return self.kube.list(kind, self.namespace, OURS)[0]

    def deployment(self, service: str = "web") -> Object:
        return self.kube.get("deployments", self.namespace, service)

    def templates(self) -> dict[str, Object]:
        """Of each service, how its processes are made and how many are wanted."""
        made = self.objects("deployments")
        return {
            obj["metadata"]["name"]: obj["spec"]["template"] | {"replicas": obj["spec"]["replicas"]} for obj in made
        }

    def pods(self, service: str = "", release: str = "") -> list[Object]:
        """Its processes that are not ending, those of release commands left aside."""
        found = [pod for pod in self.objects("pods") if SERVICE in pod["metadata"]["labels"]]
        found = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        found = [pod for pod in found if service in ("", pod["metadata"]["labels"][SERVICE])]
        return [pod for pod in found if release in ("", pod["metadata"]["labels"][RELEASE])]

    def running(self) -> list[tuple[str, str]]:
        """(service, release) of each process that is not ending."""
        labels = [pod["metadata"]["labels"] for pod in self.pods()]
        return sorted((each[SERVICE], each[RELEASE]) for each in labels)

    def uids(self, service: str = "") -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods(service)}

    def words(self, service: str, words: str) -> str:
        """The output of a process of this service that has said these words, once there is one."""

        def holds() -> str:
            logs = [self.kube.log(self.namespace, pod["metadata"]["name"]) for pod in self.pods(service)]
            return next((log for log in logs if words in log), "")

        return str(self.until(holds, f"“{words}” from {service}"))

    def pictured(self) -> str:
        states = [(pod["metadata"]["name"], pod["status"].get("containerStatuses")) for pod in self.objects("pods")]
        return f"{self.running()}\n{states}\n{self.house.log_tail()}"
