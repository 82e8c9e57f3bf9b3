"""A house that reaches its cluster through a proxy of ours."""

from pathlib import Path

from deployer.home import write_private
from tests.faults.proxy import Proxy
from tests.journeys.house import House

# So that deaths are noticed soon. Everything else is as it is.
BRISK = {
    "HEARTBEAT_SECONDS": "0.3",
    "HEARTBEAT_OLD_SECONDS": "1.5",
    "QUEUED_WITHOUT_JOB_SECONDS": "3",
    "REAPER_SECONDS": "0.2",
}


class FrontedHouse(House):
    """`house.cluster` goes straight to the cluster; all programs of Deployer go through `house.proxy`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, **BRISK)
        self.proxy: Proxy | None = None

    def start(self, *, seconds: float = 40) -> float:
        took = super().start(seconds=seconds)
        kubeconfig = self.home / "kubeconfig"
        assert self.cluster.get("/version").status_code == 200  # by the cluster's own address
        self.proxy = Proxy(kubeconfig, self.home / "cluster" / "credentials")
        self.proxy.start()
        write_private(kubeconfig, self.proxy.kubeconfig())
        return took

    def stop(self) -> list:
        left = super().stop()
        if self.proxy:
            self.proxy.stop()
            self.proxy = None
        return left
