"""The endpoint slice controller: which processes stand behind a Service object (one slice per Service object)."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers import owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store.selectors import Selector
from localcluster.store.store import copied

Object = dict[str, Any]

MANAGED_BY = "endpointslice-controller.k8s.io"


class EndpointsController(Controller):
    """One Service object per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(service) for service in self.store.list("Service")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Service":
            return [key_of(obj)]
        if kind != "Pod":
            return []
        services = self.store.list("Service", obj["metadata"]["namespace"])
        return [key_of(service) for service in services if selects(service, obj)]

    def reconcile(self, namespace: str, name: str) -> None:
        service = self.store.find("Service", namespace, name)
        if service is None or pods.is_terminating(service) or not service["spec"].get("selector"):
            return
        found = [pod for pod in self.store.list("Pod", namespace) if selects(service, pod) and _has_address(pod)]
        wanted = build(service, found)
        current = self._slice(service)
        if current is None:
            self.store.create("EndpointSlice", wanted)
        elif (current.get("endpoints"), current.get("ports")) != (wanted["endpoints"], wanted["ports"]):
            changed = copied(current)
            changed |= {"endpoints": wanted["endpoints"], "ports": wanted["ports"]}
            self.store.update("EndpointSlice", changed)

    def _slice(self, service: Object) -> Object | None:
        slices = self.store.list("EndpointSlice", service["metadata"]["namespace"])
        return next((found for found in slices if owners.is_controlled_by(found, service)), None)


def selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector")
    return bool(selector) and Selector.equal(selector).matches(pod["metadata"].get("labels"))


def _has_address(pod: Object) -> bool:
    return bool((pod.get("status") or {}).get("podIP")) and not pods.is_finished(pod)


def build(service: Object, found: list[Object]) -> Object:
    """The slice for a Service object and its pods. Ports are the manifest's; a process listens on one of its own."""
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
        "endpoints": [_endpoint(pod) for pod in found],
        "ports": [_port(port, found) for port in service["spec"].get("ports") or []],
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
        "nodeName": pods.NODE,
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
