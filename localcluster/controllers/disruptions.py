"""The disruption controller: how many pods a PodDisruptionBudget lets go (pkg/controller/disruption)."""

from collections.abc import Iterable
from typing import Any

from localcluster import clock
from localcluster.controllers import owners, rolling
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.selectors import Selector

Object = dict[str, Any]

COMPONENT = "controllermanager"


class DisruptionController(Controller):
    """One PodDisruptionBudget per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(budget) for budget in self.store.list("PodDisruptionBudget")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "PodDisruptionBudget":
            return [key_of(obj)]
        if kind not in ("Pod", "Deployment", "ReplicaSet"):
            return []
        # The selector's reach is asked when the budget is reconciled: budgets are few.
        return [key_of(budget) for budget in self.store.list("PodDisruptionBudget", obj["metadata"]["namespace"])]

    def reconcile(self, namespace: str, name: str) -> None:
        budget = self.store.find("PodDisruptionBudget", namespace, name)
        if budget is None or pods.is_terminating(budget):
            return
        selector = budget["spec"].get("selector")
        labels = Selector.of(selector) if selector is not None else None
        found = self.store.list("Pod", namespace, labels) if labels else []
        found = [pod for pod in found if not pods.is_finished(pod)]
        if not found:
            events.record(self.store, budget, "Normal", "NoPods", "No matching pods found", COMPONENT)
        expected = self._expected(found)
        healthy = sum(pods.is_ready(pod) and not pods.is_terminating(pod) for pod in found)
        try:
            desired, fault = desired_healthy(budget["spec"], expected), ""
        except ValueError as error:  # neither a number nor per cents: nobody may go
            desired, fault = expected, str(error)
        allowed = max(0, healthy - desired) if expected and not fault else 0
        status = {
            "observedGeneration": budget["metadata"].get("generation", 1),
            "disruptionsAllowed": allowed,
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": expected,
        }

        def change(copy: Object) -> None:
            old = (copy["status"].get("conditions") or [None])[0]
            copy["status"] = status | {"conditions": [_condition(old, allowed, fault, status["observedGeneration"])]}

        self.store.patch_status("PodDisruptionBudget", namespace, name, change)

    def _expected(self, found: list[Object]) -> int:
        """The sizes of the controllers of the pods; a pod without one counts as itself."""
        sizes: dict[str, int] = {}
        for pod in found:
            owner = self._topmost(pod)
            if owner is None:
                sizes[pod["metadata"]["uid"]] = 1
            else:
                spec = owner["spec"]
                sizes[owner["metadata"]["uid"]] = spec.get("replicas", spec.get("parallelism", 1))
        return sum(sizes.values())

    def _topmost(self, obj: Object) -> Object | None:
        above: Object | None = None
        while reference := owners.controller_of(above or obj):
            if reference["kind"] not in ("ReplicaSet", "Deployment", "Job"):
                break
            found = self.store.find(reference["kind"], obj["metadata"]["namespace"], reference["name"])
            if found is None or found["metadata"]["uid"] != reference["uid"]:
                break
            above = found
        return above


def desired_healthy(spec: Object, expected: int) -> int:
    """How many pods must stay healthy; per cents are rounded up."""
    if spec.get("maxUnavailable") is not None:
        return max(0, expected - rolling.share(spec["maxUnavailable"], expected, up=True))
    if spec.get("minAvailable") is not None:
        return rolling.share(spec["minAvailable"], expected, up=True)
    return 0


def _condition(old: Object | None, allowed: int, fault: str, generation: int) -> Object:
    status, reason = ("True", "SufficientPods") if allowed else ("False", "InsufficientPods")
    if fault:
        reason = "SyncFailed"
    since = old["lastTransitionTime"] if old and old["status"] == status else clock.now()
    return {
        "type": "DisruptionAllowed",
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": reason,
        "message": fault,
    }
