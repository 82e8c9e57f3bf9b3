"""Persistent volume claims: each is bound to a folder of its own at once, and stays as long as a pod names it."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers import owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.store import Store, copied

Object = dict[str, Any]

PROTECTION = "kubernetes.io/pvc-protection"
COMPONENT = "persistentvolume-controller"
BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}


class ClaimController(Controller):
    """One PersistentVolumeClaim per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(claim) for claim in self.store.list("PersistentVolumeClaim")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "PersistentVolumeClaim":
            return [key_of(obj)]
        if kind != "Pod":
            return []
        return [(obj["metadata"]["namespace"], name) for name in claims_of(obj)]

    def reconcile(self, namespace: str, name: str) -> None:
        claim = self.store.find("PersistentVolumeClaim", namespace, name)
        if claim is None:
            return
        if pods.is_terminating(claim):
            self._let_go(claim)
            return
        if claim["spec"].get("volumeName") is None or PROTECTION not in (claim["metadata"].get("finalizers") or []):
            self._bind(claim)
        self._tell(namespace, name)

    def _bind(self, claim: Object) -> None:
        bound = copied(claim)
        meta, spec = bound["metadata"], bound["spec"]
        fresh = not spec.get("volumeName")
        meta["finalizers"] = list(dict.fromkeys([*(meta.get("finalizers") or []), PROTECTION]))
        meta["annotations"] = {**(meta.get("annotations") or {}), **BOUND}
        spec.setdefault("volumeName", f"pvc-{meta['uid']}")
        self.store.update("PersistentVolumeClaim", bound)
        if fresh:
            message = f"Successfully provisioned volume {spec['volumeName']}"
            events.record(self.store, claim, "Normal", "ProvisioningSucceeded", message, COMPONENT)

    def _tell(self, namespace: str, name: str) -> None:
        def change(copy: Object) -> None:
            asked = ((copy["spec"].get("resources") or {}).get("requests") or {}).get("storage")
            copy["status"] |= {"phase": "Bound", "accessModes": copy["spec"].get("accessModes") or []}
            copy["status"]["capacity"] = {"storage": asked} if asked else {}

        self.store.patch_status("PersistentVolumeClaim", namespace, name, change)

    def _let_go(self, claim: Object) -> None:
        if PROTECTION not in (claim["metadata"].get("finalizers") or []) or users(self.store, claim):
            return
        freed = copied(claim)
        owners.let_go(freed, PROTECTION)
        self.store.update("PersistentVolumeClaim", freed)


def claims_of(pod: Object) -> list[str]:
    """The names of the claims that a pod mounts."""
    mounted = [volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or []]
    return [found.get("claimName", "") for found in mounted if found]


def users(store: Store, claim: Object) -> list[Object]:
    """The pods on a node that name a claim; they keep it until they are gone themselves."""
    namespace, name = key_of(claim)
    return [pod for pod in store.list("Pod", namespace) if pod["spec"].get("nodeName") and name in claims_of(pod)]


def missing_claim(store: Store, pod: Object) -> str:
    """What the scheduler says of a claim that is not there, or is going; empty if all are there."""
    for name in claims_of(pod):
        claim = store.find("PersistentVolumeClaim", pod["metadata"]["namespace"], name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if pods.is_terminating(claim):
            return f'persistentvolumeclaim "{name}" is being deleted'
    return ""


def is_unbound(store: Store, pod: Object) -> bool:
    """Whether a claim of the pod is not bound yet, which it will be in a moment."""
    found = [store.find("PersistentVolumeClaim", pod["metadata"]["namespace"], name) for name in claims_of(pod)]
    return any(claim and (claim.get("status") or {}).get("phase") != "Bound" for claim in found)


def is_claim_taken(store: Store, pod: Object) -> bool:
    """Whether another pod that has not finished uses a claim of this one that is for one pod only."""
    for name in claims_of(pod):
        claim = store.find("PersistentVolumeClaim", pod["metadata"]["namespace"], name)
        if claim and "ReadWriteOncePod" in (claim["spec"].get("accessModes") or []):
            others = (user for user in users(store, claim) if user["metadata"]["uid"] != pod["metadata"]["uid"])
            if any(not pods.is_finished(user) for user in others):
                return True
    return False
