"""What every namespace has from its start: the service account `default` and the certificate of the API."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers.loop import Controller, Key
from localcluster.controllers.surroundings import Surroundings
from localcluster.kubelet import pods
from localcluster.store.store import Store, copied

Object = dict[str, Any]

ACCOUNT = "default"
AUTHORITY = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


class AccountController(Controller):
    """One namespace per key; what is deleted in it by hand comes back."""

    def __init__(self, store: Store, surroundings: Surroundings) -> None:
        super().__init__(store)
        self.authority = surroundings.authority.read_text() if surroundings.authority.is_file() else ""

    def initial(self) -> Iterable[Key]:
        return [("", namespace["metadata"]["name"]) for namespace in self.store.list("Namespace")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        name = obj["metadata"]["name"]
        if kind == "Namespace":
            return [("", name)]
        if (kind, name) in (("ServiceAccount", ACCOUNT), ("ConfigMap", AUTHORITY)):
            return [("", obj["metadata"]["namespace"])]
        return []

    def reconcile(self, _: str, name: str) -> None:
        namespace = self.store.find("Namespace", None, name)
        if namespace is None or pods.is_terminating(namespace):
            return
        if self.store.find("ServiceAccount", name, ACCOUNT) is None:
            self.store.create("ServiceAccount", {"metadata": {"name": ACCOUNT, "namespace": name}})
        if self.authority:
            self._publish(name)

    def _publish(self, namespace: str) -> None:
        data = {"ca.crt": self.authority}
        found = self.store.find("ConfigMap", namespace, AUTHORITY)
        if found is None:
            meta: Object = {"name": AUTHORITY, "namespace": namespace}
            meta["annotations"] = {"kubernetes.io/description": DESCRIPTION}
            self.store.create("ConfigMap", {"metadata": meta, "data": data})
        elif found.get("data") != data and not pods.is_terminating(found):
            self.store.update("ConfigMap", copied(found) | {"data": data})
