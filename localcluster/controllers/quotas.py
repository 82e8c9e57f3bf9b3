"""The resource quota controller: shows in a ResourceQuota's status what is allowed and what is used."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store import quota

Object = dict[str, Any]


class QuotaController(Controller):
    """One ResourceQuota per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(found) for found in self.store.list("ResourceQuota")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        namespace = obj["metadata"].get("namespace")
        if kind == "Event" or not namespace:
            return []
        if kind == "ResourceQuota":
            return [key_of(obj)]
        return [key_of(found) for found in self.store.list("ResourceQuota", namespace)]

    def reconcile(self, namespace: str, name: str) -> None:
        found = self.store.find("ResourceQuota", namespace, name)
        if found is None or pods.is_terminating(found):
            return
        hard = found["spec"].get("hard") or {}
        status = {"hard": hard, "used": quota.used(found, self.store.list)} if hard else {}
        self.store.patch_status("ResourceQuota", namespace, name, lambda copy: copy.update(status=status))
