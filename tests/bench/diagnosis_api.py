"""`GET /api/apps/{app}/diagnosis` of a crowded app, its cluster and all: how soon, and how much."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tests.bench.figures import percentile, show
from tests.certificates import Authority, kubeconfig
from tests.journeys.house import House
from tests.odd_server import kubernetes

APP, CLUSTER, TIMES, VARIABLES = "crowded", "crowded", 20, 30
# As a team has them: whatever the cluster says is looked through for their values.
RELEASE = (
    "from releases.models import App\nfrom tests import factories\n"
    f"env = {{f'NAME_{{n}}': f'the value number {{n}}' for n in range({VARIABLES})}}\n"
    f"factories.active(App.objects.get(name='{APP}'), env=env)"
)
FIELDS = {"deployments": "Deployment", "replica_sets": "ReplicaSet", "pods": "Pod", "events": "Event"}


def measure(house: House, crowd: Mapping[str, list[dict[str, Any]]]) -> None:
    """`crowd`: the objects, by the fields of what a cluster reports. Its logs can't be had."""
    from tests import listed  # once Django is set up

    authority = Authority()
    with kubernetes(authority) as server:
        listed.serve(server, SimpleNamespace(namespace=f"deployer-{APP}"), {FIELDS[key]: crowd[key] for key in crowd})
        text = kubeconfig(server.url, authority=authority.certificate, token=listed.TOKEN)
        house.api.post("/clusters", json={"name": CLUSTER, "kubeconfig": text}).raise_for_status()
        house.api.post("/apps", json={"name": APP, "cluster": CLUSTER}).raise_for_status()
        house.manage("shell", "-c", RELEASE)
        took, size = [], 0
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = house.api.get(f"/apps/{APP}/diagnosis", timeout=60).raise_for_status()
            took.append(time.perf_counter() - began)
            size = len(answer.content)
    show(f"the API's answer, p95 of {TIMES}", f"{1000 * percentile(took, 95):.0f} ms", target="1000 ms")
    show("the API's answer", f"{size / 1024:.0f} KiB", target="1024 KiB")
