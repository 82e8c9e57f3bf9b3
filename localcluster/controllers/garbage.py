"""The garbage collector: what has lost its owners is deleted (Kubernetes documentation, "Garbage Collection")."""

from collections.abc import Iterable, Iterator
from typing import Any

from localcluster.controllers import owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.errors import NotFound
from localcluster.kubelet import pods
from localcluster.store.resources import KINDS
from localcluster.store.store import Store, copied

Object = dict[str, Any]
Place = tuple[str, str, str]
"""Kind, namespace and name."""

FINALIZER = "foregroundDeletion"
RESPITE = 0.02
"""Seconds in which an owner's controller notes that the last dependent is gone (recording delete-deployment)."""
_KINDS = [kind for kind in KINDS if kind != "Event"]


class GarbageCollector(Controller):
    """One owner's uid per key. Cutting dependents loose (`Orphan`) is done by the store."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._places: dict[str, Place] = {}
        self._bereft: set[str] = set()
        """Owners that nothing blocks any more."""

    def initial(self) -> Iterable[Key]:
        everything = [(kind, obj) for kind in _KINDS for obj in self.store.list(kind)]
        self._places |= {obj["metadata"]["uid"]: (kind, *key_of(obj)) for kind, obj in everything}
        waiting = {obj["metadata"]["uid"] for _, obj in everything if _waits(obj)}
        named = {uid for _, obj in everything for uid in _owner_uids(obj)}
        return [(uid, "") for uid in waiting | (named - self._places.keys())]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        return []

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        if kind == "Event":
            return
        uid = obj["metadata"]["uid"]
        if type_ == "DELETED":
            self._places.pop(uid, None)
        else:
            self._places[uid] = (kind, *key_of(obj))
        if type_ == "DELETED" or _waits(obj):
            self.enqueue((uid, ""))
        for owner in _owner_uids(obj):
            if type_ == "DELETED" or owner not in self._places:
                self.enqueue((owner, ""))

    def reconcile(self, uid: str, _: str) -> float | None:
        place = self._places.get(uid)
        if place is None:
            self._bereft.discard(uid)
            for kind, dependent in list(self._dependents(uid)):
                self._lose_owner(kind, dependent)
            return None
        owner = self.store.get(*place)
        return self._empty(place[0], owner) if _waits(owner) else None

    def _empty(self, owner_kind: str, owner: Object) -> float | None:
        """Deletes what blocks an owner, then lets the owner go."""
        uid = owner["metadata"]["uid"]
        for kind, dependent in [pair for pair in self._dependents(uid) if _blocks(pair[1], uid)]:
            self._delete_first(kind, dependent)
        if any(_blocks(dependent, uid) for _, dependent in self._dependents(uid)):
            return None
        if uid not in self._bereft:
            self._bereft.add(uid)
            return RESPITE
        freed = copied(owner)
        owners.let_go(freed, FINALIZER)
        self.store.update(owner_kind, freed)
        return None

    def _dependents(self, uid: str) -> Iterator[tuple[str, Object]]:
        for kind in _KINDS:
            for obj in self.store.owned(kind, uid):
                yield kind, obj

    def _lose_owner(self, kind: str, obj: Object) -> None:
        """Deletes what has no owner left; of what has others, the references to those that are gone."""
        if pods.is_terminating(obj):
            return
        others = {other for other in _owner_uids(obj) if other in self._places}
        if others:
            self._keep_references(kind, obj, others)
        else:
            self._delete(kind, obj, "Background")

    def _delete_first(self, kind: str, obj: Object) -> None:
        """Deletes a dependent before its owner, unless an owner that stays has it too."""
        if pods.is_terminating(obj):
            return
        staying = {uid for uid in _owner_uids(obj) if uid in self._places and not self._is_waiting(uid)}
        if staying:
            self._keep_references(kind, obj, staying)
        else:
            has_dependents = any(True for _ in self._dependents(obj["metadata"]["uid"]))
            self._delete(kind, obj, "Foreground" if has_dependents else "Background")

    def _is_waiting(self, uid: str) -> bool:
        found = self.store.find(*self._places[uid])
        return found is not None and _waits(found)

    def _keep_references(self, kind: str, obj: Object, uids: set[str]) -> None:
        kept = copied(obj)
        references = kept["metadata"]["ownerReferences"]
        kept["metadata"]["ownerReferences"] = [found for found in references if found["uid"] in uids]
        self.store.update(kind, kept)

    def _delete(self, kind: str, obj: Object, propagation: str) -> None:
        try:
            self.store.delete(kind, *key_of(obj), uid=obj["metadata"]["uid"], propagation=propagation)
        except NotFound:
            return


def _waits(obj: Object) -> bool:
    return pods.is_terminating(obj) and FINALIZER in (obj["metadata"].get("finalizers") or [])


def _blocks(obj: Object, uid: str) -> bool:
    references = obj["metadata"].get("ownerReferences") or []
    return any(found["uid"] == uid and found.get("blockOwnerDeletion") for found in references)


def _owner_uids(obj: Object) -> list[str]:
    return [owner["uid"] for owner in obj["metadata"].get("ownerReferences") or []]
