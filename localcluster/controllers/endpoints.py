"""The endpoint slice controller: which processes stand behind a Service object (one slice per Service object)."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers import owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store.store import Store, copied

Object = dict[str, Any]

MANAGED_BY = "endpointslice-controller.k8s.io"
TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
_SHOWN = ("endpoints", "ports")


class EndpointsController(Controller):
    """One Service object per key."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._triggers: dict[str, dict[str, str]] = {}
        """When each pod behind a Service object last changed between ready and not, by their uids."""

    def initial(self) -> Iterable[Key]:
        return [key_of(service) for service in self.store.list("Service")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Service":
            return [key_of(obj)]
        if kind != "Pod":
            return []
        services = self.store.list("Service", obj["metadata"]["namespace"])
        return [key_of(service) for service in services if selects(service, obj)]

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        super().observe(type_, kind, obj)
        if type_ == "DELETED" and kind == "Service":
            self._triggers.pop(obj["metadata"]["uid"], None)

    def reconcile(self, namespace: str, name: str) -> None:
        service = self.store.find("Service", namespace, name)
        if service is None or pods.is_terminating(service) or not service["spec"].get("selector"):
            return
        if service["spec"].get("type") == "ExternalName":
            return
        found = [pod for pod in self.store.list("Pod", namespace) if selects(service, pod) and _has_address(pod)]
        current = self._slice(service)
        wanted = build(service, found, (current or {}).get("endpoints") or [])
        labels = wanted["metadata"]["labels"]
        if current is None:
            self._note_trigger(wanted, service, found)
            self.store.create("EndpointSlice", wanted)
        elif any(current.get(key) != wanted[key] for key in _SHOWN) or current["metadata"].get("labels") != labels:
            changed = copied(current) | {key: wanted[key] for key in _SHOWN}
            changed["metadata"]["labels"] = labels
            self._note_trigger(changed, service, found)
            self.store.update("EndpointSlice", changed)

    def _slice(self, service: Object) -> Object | None:
        slices = self.store.owned("EndpointSlice", service["metadata"]["uid"])
        return next((found for found in slices if owners.is_controlled_by(found, service)), None)

    def _note_trigger(self, slice_: Object, service: Object, found: list[Object]) -> None:
        """Annotates the earliest of the changes since the last time; what has no time of its own leaves none."""
        before = self._triggers.get(service["metadata"]["uid"], {})
        now = {pod["metadata"]["uid"]: _ready_since(pod) for pod in found}
        now[""] = service["metadata"]["creationTimestamp"]
        self._triggers[service["metadata"]["uid"]] = now
        fresh = [moment for uid, moment in now.items() if moment and moment != before.get(uid)]
        annotations = slice_["metadata"].setdefault("annotations", {})
        annotations.pop(TRIGGER, None)
        if fresh:
            annotations[TRIGGER] = min(fresh)
        if not annotations:
            del slice_["metadata"]["annotations"]


def selects(service: Object, pod: Object) -> bool:
    """Whether the pod stands behind the Service object. Asked of all pairs in a namespace, so it is kept bare."""
    selector, labels = service["spec"].get("selector"), pod["metadata"].get("labels")
    return bool(selector and labels) and selector.items() <= labels.items()


def _has_address(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not pods.is_finished(pod)


def _ready_since(pod: Object) -> str:
    found = pods.condition(pod, "Ready")
    return str(found["lastTransitionTime"]) if found else ""


def build(service: Object, found: list[Object], present: list[Object]) -> Object:
    """The slice for a Service object and its pods, in the order of its present endpoints, new ones last.

    Ports are the manifest's; a process listens on one of its own. Without pods both lists are null, as the API writes
    them (recording first-deploy).
    """
    places = {endpoint["targetRef"]["uid"]: index for index, endpoint in enumerate(present)}
    found = sorted(found, key=lambda pod: places.get(pod["metadata"]["uid"], len(places)))
    name = service["metadata"]["name"]
    labels = {
        **(service["metadata"].get("labels") or {}),
        "endpointslice.kubernetes.io/managed-by": MANAGED_BY,
        "kubernetes.io/service-name": name,
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{name}-",
            "namespace": service["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [owners.reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in found] or None,
        "ports": [_port(port, found) for port in service["spec"].get("ports") or []] if found else None,
    }


def _endpoint(pod: Object) -> Object:
    terminating = pods.is_terminating(pod)
    ready = pods.is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready and not terminating, "serving": ready, "terminating": terminating},
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
        "nodeName": pod["spec"].get("nodeName") or pods.NODE,
    }


def _port(port: Object, found: list[Object]) -> Object:
    target = port.get("targetPort", port["port"])
    number = target if isinstance(target, int) else _named_port(str(target), found) or port["port"]
    return {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}


def _named_port(name: str, found: list[Object]) -> int | None:
    for pod in found:
        for container in pod["spec"]["containers"]:
            for port in container.get("ports") or []:
                if port.get("name") == name:
                    return int(port["containerPort"])
    return None
