"""The replica set controller: keeps the number of pods of a ReplicaSet (pkg/controller/replicaset)."""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from localcluster import clock
from localcluster.controllers import owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.errors import NotFound, StatusError
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.selectors import Selector
from localcluster.store.store import copied

Object = dict[str, Any]

COMPONENT = "replicaset-controller"
BURST = 500
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_WHOLE = re.compile("-?[0-9]{1,10}")


class ReplicaSetController(Controller):
    """One ReplicaSet per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(rs) for rs in self.store.list("ReplicaSet")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "ReplicaSet":
            return [key_of(obj)]
        if kind != "Pod":
            return []
        owner, namespace = owners.controller_of(obj), obj["metadata"]["namespace"]
        if owner:
            return [(namespace, owner["name"])] if owner["kind"] == "ReplicaSet" else []
        return [key_of(rs) for rs in self.store.list("ReplicaSet", namespace) if _selector(rs).matches(_labels(obj))]

    def reconcile(self, namespace: str, name: str) -> float | None:
        rs = self.store.find("ReplicaSet", namespace, name)
        if rs is None:
            return None
        mine = self._claim(rs)
        active = [pod for pod in mine if pods.is_active(pod)]
        failure = None if pods.is_terminating(rs) else self._manage(rs, active)
        status, again = self._status(rs, mine, active, failure)
        if status != rs.get("status"):
            self.store.patch_status("ReplicaSet", namespace, name, lambda copy: copy.update(status=status))
        if failure:
            raise failure
        return again

    def _claim(self, rs: Object) -> list[Object]:
        """Its pods: those that its selector leaves out are cut loose, those without an owner are adopted."""
        selector, mine = _selector(rs), []
        for pod in owners.pods_of(self.store, rs):
            if selector.matches(_labels(pod)) or pods.is_terminating(rs):
                mine.append(pod)
            else:
                self._put_owners(pod, [])
        if not pods.is_terminating(rs):
            for pod in self.store.unowned("Pod", rs["metadata"]["namespace"]):
                if pods.is_active(pod) and selector.matches(_labels(pod)):
                    mine.append(self._put_owners(pod, [owners.reference(rs)]))
        return mine

    def _put_owners(self, pod: Object, references: list[Object]) -> Object:
        changed = copied(pod)
        others = [found for found in changed["metadata"].pop("ownerReferences", []) if not found.get("controller")]
        if others or references:
            changed["metadata"]["ownerReferences"] = [*others, *references]
        return self.store.update("Pod", changed)

    def _manage(self, rs: Object, active: list[Object]) -> StatusError | None:
        """Creates or deletes pods; gives the refusal that stopped it."""
        missing = rs["spec"].get("replicas", 1) - len(active)
        for _ in range(min(missing, BURST)):
            try:
                pod = self.store.create("Pod", pod_from(rs))
            except StatusError as refusal:
                message = f"Error creating: {refusal.message}"
                events.record(self.store, rs, "Warning", "FailedCreate", message, COMPONENT)
                return refusal
            message = f"Created pod: {pod['metadata']['name']}"
            events.record(self.store, rs, "Normal", "SuccessfulCreate", message, COMPONENT)
        for pod in deletion_order(active)[: max(0, -missing)][:BURST]:
            try:
                self.store.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])
            except NotFound:
                continue
            message = f"Deleted pod: {pod['metadata']['name']}"
            events.record(self.store, rs, "Normal", "SuccessfulDelete", message, COMPONENT)
        return None

    def _status(
        self, rs: Object, mine: list[Object], active: list[Object], failure: StatusError | None
    ) -> tuple[Object, float | None]:
        """The new status, and the seconds until the next pod has been ready for minReadySeconds."""
        template = (rs["spec"]["template"].get("metadata") or {}).get("labels") or {}
        waits = [wait_for_available(pod, rs["spec"].get("minReadySeconds", 0)) for pod in active]
        counts = {
            "fullyLabeledReplicas": sum(template.items() <= _labels(pod).items() for pod in active),
            "readyReplicas": sum(wait is not None for wait in waits),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status: Object = {"replicas": len(active)}
        status |= {name: number for name, number in counts.items() if number}
        status["terminatingReplicas"] = sum(pods.is_terminating(pod) and not pods.is_finished(pod) for pod in mine)
        status["observedGeneration"] = rs["metadata"].get("generation", 1)
        if failure:
            status["conditions"] = [_failure_condition(rs, failure)]
        return status, min((wait for wait in waits if wait), default=None)


def _selector(rs: Object) -> Selector:
    return Selector.of(rs["spec"].get("selector"))


def _labels(pod: Object) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}


def _failure_condition(rs: Object, failure: StatusError) -> Object:
    old = next(iter((rs.get("status") or {}).get("conditions") or []), None)
    if old:
        return old
    return {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": clock.now(),
        "reason": "FailedCreate",
        "message": failure.message,
    }


def pod_from(owner: Object) -> Object:
    """A pod from the owner's template."""
    template = json.loads(json.dumps(owner["spec"]["template"]))
    metadata = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{owner['metadata']['name']}-",
            "namespace": owner["metadata"]["namespace"],
            **{key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)},
            "ownerReferences": [owners.reference(owner)],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": pods.qos_class(template["spec"])},
    }


def wait_for_available(pod: Object, delay: int) -> float | None:
    """Seconds until a pod counts as available: 0 if it does, None if it is not ready."""
    ready = pods.condition(pod, "Ready")
    if not ready or ready["status"] != "True":
        return None
    if not delay:
        return 0
    since = (datetime.now(UTC) - clock.parse(ready["lastTransitionTime"])).total_seconds()
    return max(0.0, delay - since)


def deletion_order(found: list[Object]) -> list[Object]:
    """Which pods go first (ActivePodsWithRanks; all pods are on one node, so none is doubled up)."""
    return sorted(found, key=_rank)


def _rank(pod: Object) -> tuple:
    annotations = pod["metadata"].get("annotations") or {}
    cost = annotations.get(DELETION_COST, "0")
    ready = pods.condition(pod, "Ready")
    is_ready = ready is not None and ready["status"] == "True"
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return (
        bool(pod["spec"].get("nodeName")),
        {"Pending": 0, "Unknown": 1}.get(pods.phase(pod), 2),
        is_ready,
        int(cost) if _WHOLE.fullmatch(cost) else 0,
        _age(ready["lastTransitionTime"]) if is_ready and ready else 0,
        -max((container.get("restartCount", 0) for container in containers), default=0),
        _age(pod["metadata"]["creationTimestamp"]),
        pod["metadata"]["uid"],
    )


def _age(moment: str) -> int:
    """The logarithm of an age in seconds: what is about as old is chosen between at random (KEP-2185)."""
    seconds = (datetime.now(UTC) - clock.parse(moment)).total_seconds()
    return math.floor(math.log2(seconds)) if seconds >= 1 else -1
