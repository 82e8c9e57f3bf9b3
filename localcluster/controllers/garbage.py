"""The garbage collector: what has lost its owners is deleted (Kubernetes documentation, "Garbage Collection")."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from localcluster.controllers.loop import Controller, Key
from localcluster.errors import NotFound
from localcluster.kubelet import pods
from localcluster.store.resources import KINDS
from localcluster.store.store import Store, copied

Object = dict[str, Any]
Place = tuple[str, str, str]
"""Kind, namespace and name."""

FINALIZER = "foregroundDeletion"


class GarbageCollector(Controller):
    """One owner's uid per key. Cutting dependents loose (`Orphan`) is done by the store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._places: dict[str, Place] = {}
        self._dependents: dict[str, set[str]] = defaultdict(set)

    def initial(self) -> Iterable[Key]:
        for kind in KINDS:
            for obj in self.store.list(kind):
                self._learn(kind, obj)
        waiting = {uid for uid, place in self._places.items() if _waits(self.store.get(*place))}
        return [(uid, "") for uid in waiting | set(self._dependents)]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        return []

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        if type_ == "DELETED":
            self._places.pop(uid, None)
            self.enqueue((uid, ""))
        else:
            self._learn(kind, obj)
            if _waits(obj):
                self.enqueue((uid, ""))
        for owner in _owner_uids(obj):
            if type_ == "DELETED":
                self._dependents[owner].discard(uid)
            if type_ == "DELETED" or owner not in self._places:
                self.enqueue((owner, ""))

    def _learn(self, kind: str, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        self._places[uid] = (kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        for owner in _owner_uids(obj):
            self._dependents[owner].add(uid)

    def reconcile(self, namespace: str, name: str) -> None:
        uid = namespace
        place = self._places.get(uid)
        dependents = [self._places[found] for found in self._dependents.get(uid, ()) if found in self._places]
        if place is None:
            for dependent in dependents:
                self._lose_owner(dependent, uid)
            if not dependents:
                self._dependents.pop(uid, None)
            return
        owner = self.store.get(*place)
        if not _waits(owner):
            return
        for dependent in dependents:
            self._delete_in_foreground(dependent)
        if not any(found in self._places for found in self._dependents.get(uid, ())):
            freed = copied(owner)
            freed["metadata"]["finalizers"].remove(FINALIZER)
            self.store.update(place[0], freed)

    def _lose_owner(self, place: Place, uid: str) -> None:
        obj = self.store.find(*place)
        if obj is None or uid not in _owner_uids(obj) or pods.is_terminating(obj):
            return
        others = [other for other in _owner_uids(obj) if other in self._places]
        if others:
            kept = copied(obj)
            references = kept["metadata"]["ownerReferences"]
            kept["metadata"]["ownerReferences"] = [found for found in references if found["uid"] in others]
            self.store.update(place[0], kept)
        else:
            self._delete(place, obj, "Background")

    def _delete_in_foreground(self, place: Place) -> None:
        obj = self.store.find(*place)
        if obj is not None and not pods.is_terminating(obj):
            has_dependents = bool(self._dependents.get(obj["metadata"]["uid"]))
            self._delete(place, obj, "Foreground" if has_dependents else "Background")

    def _delete(self, place: Place, obj: Object, propagation: str) -> None:
        try:
            self.store.delete(*place, uid=obj["metadata"]["uid"], propagation=propagation)
        except NotFound:
            return


def _waits(obj: Object) -> bool:
    return pods.is_terminating(obj) and FINALIZER in (obj["metadata"].get("finalizers") or [])


def _owner_uids(obj: Object) -> list[str]:
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or []]
