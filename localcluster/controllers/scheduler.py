"""The scheduler: binds pods to nodes that have room for them (recordings first-deploy and unschedulable)."""

from collections.abc import Iterable
from typing import Any

from localcluster import clock
from localcluster.controllers import nodes, volumes
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.nodes import Amounts, Objection
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.store import Store, copied

Object = dict[str, Any]

NAME = "default-scheduler"
GATED = "Scheduling is blocked due to non-empty scheduling gates"


class Scheduler(Controller):
    """One pod per key. What the nodes' pods ask for is kept up to date as pods come and go."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._loads: dict[str, dict[str, Amounts]] = {}
        """What each pod asks for, by uid, by node."""
        self._used: dict[str, Amounts] = {}
        self._waiting: dict[Key, None] = {}

    def initial(self) -> Iterable[Key]:
        found = self.store.list("Pod")
        for pod in found:
            self._note_load(pod, gone=False)
        return [key_of(pod) for pod in found if not pod["spec"].get("nodeName")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        return [key_of(obj)] if kind == "Pod" and not obj["spec"].get("nodeName") else []

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        super().observe(type_, kind, obj)
        if kind == "Pod":
            if self._note_load(obj, gone=type_ == "DELETED"):
                self._try_again()
        elif kind in ("Node", "PersistentVolumeClaim"):
            self._try_again()

    def _note_load(self, pod: Object, *, gone: bool) -> bool:
        """Whether there is more room than before."""
        node, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
        if not node:
            return False
        loads, used = self._loads.setdefault(node, {}), self._used.get(node, Amounts())
        if gone or pods.is_finished(pod):
            freed = loads.pop(uid, None)
            self._used[node] = used - freed if freed else used
            return freed is not None
        if uid not in loads:
            loads[uid] = nodes.requested(pod["spec"])
            self._used[node] = used + loads[uid]
        return False

    def _try_again(self) -> None:
        for key in self._waiting:
            self.enqueue(key)

    def reconcile(self, namespace: str, name: str) -> float | None:
        pod = self.store.find("Pod", namespace, name)
        self._waiting.pop((namespace, name), None)
        if pod is None or pod["spec"].get("nodeName") or not pods.is_active(pod):
            return None
        if pod["spec"].get("schedulerName", NAME) != NAME:
            return None
        if pod["spec"].get("schedulingGates"):
            self._put_condition(pod, {"status": "False", "reason": "SchedulingGated", "message": GATED})
            return None
        if volumes.is_unbound(self.store, pod):
            self._waiting[namespace, name] = None
            return None
        node, why = self._choose(pod)
        if node:
            self._bind(pod, node)
        else:
            self._waiting[namespace, name] = None
            self._refuse(pod, why)
        return None

    def _choose(self, pod: Object) -> tuple[str, str]:
        """The node for a pod, or why there is none. This machine comes first: elsewhere nothing may run."""
        candidates = self.store.list("Node")
        missing = volumes.missing_claim(self.store, pod)
        if missing:
            return "", nodes.refusal(len(candidates), [], missing)
        taken = volumes.is_claim_taken(self.store, pod)
        by_node: list[list[Objection]] = []
        for node in sorted(candidates, key=lambda node: node["metadata"]["name"] != pods.NODE):
            name = node["metadata"]["name"]
            against = nodes.objections(node, pod, self._used.get(name, Amounts()))
            if not against and taken:
                against = [Objection(nodes.CLAIM_TAKEN, lasting=False)]
            if not against:
                return name, ""
            by_node.append(against)
        return "", nodes.refusal(len(candidates), by_node)

    def _bind(self, pod: Object, node: str) -> None:
        bound = copied(pod)
        bound["spec"]["nodeName"] = node
        put_condition(bound, {"status": "True"})
        self.store.update("Pod", bound, subresource="binding")
        message = f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {node}"
        events.record_scheduled(self.store, pod, "Normal", "Scheduled", message, "Binding")

    def _refuse(self, pod: Object, why: str) -> None:
        found = pods.condition(pod, "PodScheduled")
        if found and found.get("message") == why:
            return
        events.record_scheduled(self.store, pod, "Warning", "FailedScheduling", why, "Scheduling")
        self._put_condition(pod, {"status": "False", "reason": "Unschedulable", "message": why})

    def _put_condition(self, pod: Object, values: Object) -> None:
        self.store.patch_status("Pod", *key_of(pod), lambda copy: put_condition(copy, values))


def put_condition(pod: Object, values: Object) -> None:
    """Sets PodScheduled in the pod given, with the time of its last change."""
    status = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", pods.qos_class(pod["spec"]))
    old = pods.condition(pod, "PodScheduled")
    since = old["lastTransitionTime"] if old and old["status"] == values["status"] else clock.now()
    wanted = {"type": "PodScheduled", "lastProbeTime": None, "lastTransitionTime": since, **values}
    if values["status"] == "False":
        wanted["observedGeneration"] = pod["metadata"].get("generation", 1)
    others = [found for found in status.get("conditions") or [] if found["type"] != "PodScheduled"]
    status["conditions"] = [*others, wanted]
