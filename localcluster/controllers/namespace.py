"""The namespace controller: empties a namespace that is being deleted, then lets it go (pkg/controller/namespace)."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from localcluster import clock
from localcluster.controllers import conditions
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.errors import NotFound
from localcluster.kubelet import pods
from localcluster.store.resources import KINDS
from localcluster.store.store import copied

Object = dict[str, Any]

_SETTLED = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


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
            for obj in list(self.store.list(kind.kind, name)) if kind.namespaced else []:
                if not pods.is_terminating(obj):
                    self._delete(kind.kind, obj)
        remaining = self._remaining(name)
        if remaining:  # each object that goes brings us here again
            self._tell(name, remaining)
            return
        empty = copied(namespace)
        empty.setdefault("spec", {})["finalizers"] = []
        self.store.update("Namespace", empty, subresource="finalize")

    def _remaining(self, name: str) -> list[tuple[str, Object]]:
        """What is left, each with its resource and group (`pods.`, `deployments.apps`)."""
        kinds = [kind for kind in KINDS.values() if kind.namespaced]
        return [(f"{kind.plural}.{kind.group}", obj) for kind in kinds for obj in self.store.list(kind.kind, name)]

    def _tell(self, name: str, remaining: list[tuple[str, Object]]) -> None:
        wanted = [condition(type_, "False", reason, message) for type_, reason, message in _SETTLED]
        wanted += remainders(remaining)

        def change(copy: Object) -> None:
            for found in wanted:
                old = conditions.find(copy["status"], found["type"])
                if not old or (old["status"], old["message"]) != (found["status"], found["message"]):
                    conditions.remove(copy["status"], found["type"])
                    copy["status"].setdefault("conditions", []).append(found)

        self.store.patch_status("Namespace", None, name, change)

    def _delete(self, kind: str, obj: Object) -> None:
        try:
            self.store.delete(kind, *key_of(obj), uid=obj["metadata"]["uid"])
        except NotFound:
            return


def remainders(remaining: list[tuple[str, Object]]) -> list[Object]:
    """The conditions that say what is left, and which finalizers hold it."""
    resources = Counter(resource for resource, _ in remaining)
    held = Counter(finalizer for _, obj in remaining for finalizer in obj["metadata"].get("finalizers") or [])
    content = ", ".join(f"{resource} has {count} resource instances" for resource, count in sorted(resources.items()))
    finalizers = ", ".join(f"{finalizer} in {count} resource instances" for finalizer, count in sorted(held.items()))
    left = condition(
        "NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {content}"
    )
    if not held:
        words = ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished")
        return [left, condition("NamespaceFinalizersRemaining", *words)]
    message = f"Some content in the namespace has finalizers remaining: {finalizers}"
    return [left, condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message)]


def condition(type_: str, status: str, reason: str, message: str) -> Object:
    return {"type": type_, "status": status, "lastTransitionTime": clock.now(), "reason": reason, "message": message}
