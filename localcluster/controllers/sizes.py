"""The sizes of a Deployment's ReplicaSets: how they are changed, noted and announced (pkg/controller/deployment)."""

from typing import Any

from localcluster.controllers import revisions, rolling
from localcluster.store import events
from localcluster.store.store import Store, copied

Object = dict[str, Any]

COMPONENT = "deployment-controller"


class Sizes:
    """Changes sizes; each is noted in the ReplicaSet's annotations and announced by an Event of the Deployment."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def resize(self, deployment: Object, rs: Object, wanted: int) -> bool:
        """Whether it had another size before."""
        before = size(rs)
        if before == wanted:
            return False
        self.annotate(deployment, rs, wanted)
        self.announce(deployment, "up" if wanted > before else "down", rs["metadata"]["name"], before, wanted)
        return True

    def annotate(self, deployment: Object, rs: Object, wanted: int) -> None:
        changed = copied(rs)
        changed["spec"]["replicas"] = wanted
        bounds = limits(deployment)
        changed["metadata"].setdefault("annotations", {}).update(
            revisions.size_annotations(bounds.replicas, bounds.most)
        )
        self.store.update("ReplicaSet", changed)

    def announce(self, deployment: Object, direction: str, name: str, before: int, after: int) -> None:
        message = f"Scaled {direction} replica set {name} from {before} to {after}"
        events.record(self.store, deployment, "Normal", "ScalingReplicaSet", message, COMPONENT)

    def is_scaled(self, deployment: Object, sets: list[Object]) -> bool:
        """Whether the number asked for differs from the one that the ReplicaSets were last sized for."""
        wanted = deployment["spec"].get("replicas", 1)
        for rs in sets:
            noted = revisions.annotated_number(rs, revisions.DESIRED)
            if size(rs) > 0 and noted is not None and noted != wanted:
                return True
        return False

    def scale(self, deployment: Object, sets: list[Object], new: Object | None) -> None:
        """Brings the ReplicaSets to the number asked for, without moving processes from one to another."""
        wanted = deployment["spec"].get("replicas", 1)
        active = [rs for rs in sets if size(rs) > 0]
        if len(active) <= 1:
            newest = max(sets, key=lambda rs: rs["metadata"]["creationTimestamp"], default=None)
            only = active[0] if active else new or newest
            if only and not self.resize(deployment, only, wanted):
                self.annotate(deployment, only, wanted)
            return
        if new and _is_saturated(deployment, new):
            for rs in active:
                if rs["metadata"]["uid"] != new["metadata"]["uid"]:
                    self.resize(deployment, rs, 0)
            return
        if strategy(deployment) != "Recreate":
            fallback = (deployment.get("status") or {}).get("replicas", 0)
            sizes = rolling.proportional_sizes([numbers(rs) for rs in active], limits(deployment), fallback)
            for rs in active:
                if not self.resize(deployment, rs, sizes[rs["metadata"]["name"]]):
                    self.annotate(deployment, rs, size(rs))


def _is_saturated(deployment: Object, new: Object) -> bool:
    wanted = deployment["spec"].get("replicas", 1)
    noted = revisions.annotated_number(new, revisions.DESIRED)
    available = (new.get("status") or {}).get("availableReplicas", 0)
    return size(new) == wanted == noted == available


def size(rs: Object) -> int:
    return int(rs["spec"].get("replicas", 1))


def strategy(deployment: Object) -> str:
    return (deployment["spec"].get("strategy") or {}).get("type") or "RollingUpdate"


def limits(deployment: Object) -> rolling.Limits:
    replicas = deployment["spec"].get("replicas", 1)
    if strategy(deployment) == "Recreate":
        return rolling.Limits(replicas, 0, 0)
    given = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    return rolling.limits(replicas, given.get("maxSurge", "25%"), given.get("maxUnavailable", "25%"))


def numbers(rs: Object) -> rolling.Replicas:
    return rolling.Replicas(
        name=rs["metadata"]["name"],
        created=rs["metadata"]["creationTimestamp"],
        wanted=size(rs),
        available=(rs.get("status") or {}).get("availableReplicas", 0),
        largest=revisions.annotated_number(rs, revisions.LARGEST) or 0,
    )
