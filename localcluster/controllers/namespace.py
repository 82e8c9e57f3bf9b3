"""The namespace controller: empties a namespace that is being deleted, then lets it go."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.errors import NotFound
from localcluster.kubelet import pods
from localcluster.store.resources import KINDS
from localcluster.store.store import copied

Object = dict[str, Any]


class NamespaceController(Controller):
    """One namespace per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(namespace) for namespace in self.store.list("Namespace")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Namespace":
            return [key_of(obj)]
        namespace = obj["metadata"].get("namespace")
        found = self.store.find("Namespace", None, namespace) if namespace else None
        return [key_of(found)] if found and pods.is_terminating(found) else []

    def reconcile(self, _: str, name: str) -> None:
        namespace = self.store.find("Namespace", None, name)
        if namespace is None or not pods.is_terminating(namespace):
            return
        for kind in KINDS.values():
            for obj in self.store.list(kind.kind, name) if kind.namespaced else []:
                if not pods.is_terminating(obj):
                    self._delete(kind.kind, obj)
        if not self._is_empty(name):
            return  # each object that goes brings us here again
        empty = copied(namespace)
        empty.setdefault("spec", {})["finalizers"] = []
        self.store.update("Namespace", empty, subresource="finalize")

    def _is_empty(self, name: str) -> bool:
        return not any(self.store.list(kind.kind, name) for kind in KINDS.values() if kind.namespaced)

    def _delete(self, kind: str, obj: Object) -> None:
        try:
            self.store.delete(kind, *key_of(obj), uid=obj["metadata"]["uid"])
        except NotFound:
            return
