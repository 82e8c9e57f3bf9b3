"""The scheduler: binds every pod to the one node, unless it asks for far too much (recording unschedulable)."""

import os
from collections.abc import Iterable
from typing import Any

from localcluster import clock, quantity
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.store import copied

Object = dict[str, Any]

CORES_PER_CORE = 100
"""Nothing is reserved for processes of this machine, so requests may exceed its cores by this factor."""
UNSCHEDULABLE = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: "
    "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)


class Scheduler(Controller):
    """One pod per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(pod) for pod in self.store.list("Pod")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        return [key_of(obj)] if kind == "Pod" and not obj["spec"].get("nodeName") else []

    def reconcile(self, namespace: str, name: str) -> float | None:
        pod = self.store.find("Pod", namespace, name)
        if pod is None or pod["spec"].get("nodeName") or not pods.is_active(pod):
            return None
        if requested_cores(pod["spec"]) > (os.cpu_count() or 1) * CORES_PER_CORE:
            self._refuse(pod)
            return None
        bound = copied(pod)
        bound["spec"]["nodeName"] = pods.NODE
        self.store.update("Pod", bound, subresource="binding")
        self._put_condition(pod, {"status": "True"})
        message = f"Successfully assigned {namespace}/{name} to {pods.NODE}"
        events.record_scheduled(self.store, pod, "Normal", "Scheduled", message, "Binding")
        return None

    def _refuse(self, pod: Object) -> None:
        found = pods.condition(pod, "PodScheduled")
        if found and found.get("reason") == "Unschedulable":
            return
        events.record_scheduled(self.store, pod, "Warning", "FailedScheduling", UNSCHEDULABLE, "Scheduling")
        self._put_condition(pod, {"status": "False", "reason": "Unschedulable", "message": UNSCHEDULABLE})

    def _put_condition(self, pod: Object, values: Object) -> None:
        wanted = {"type": "PodScheduled", **values, "lastProbeTime": None, "lastTransitionTime": clock.now()}

        def change(copy: Object) -> None:
            status = copy["status"]
            status.setdefault("phase", "Pending")
            status.setdefault("qosClass", pods.qos_class(pod["spec"]))
            others = [found for found in status.get("conditions") or [] if found["type"] != "PodScheduled"]
            status["conditions"] = [*others, wanted]

        self.store.patch_status("Pod", *key_of(pod), change)


def requested_cores(spec: Object) -> float:
    """The sum of the containers' cpu requests, in cores."""
    requests = ((container.get("resources") or {}).get("requests") or {} for container in spec.get("containers") or [])
    return float(sum(quantity.parse(str(request["cpu"])) for request in requests if request.get("cpu")))
