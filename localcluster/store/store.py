"""The one source of truth: objects in memory, written through to SQLite, and the changes that watches are served from.

All methods are synchronous and belong to the thread of the event loop. Objects that are handed out are shared and never
changed by anybody: copy (`copied`) before changing.
"""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcluster import clock
from localcluster.errors import AlreadyExists, Conflict, NotFound, PreconditionFailed
from localcluster.store import admission, defaults, deletion, ownership, pod_security, quota
from localcluster.store.audience import Audience
from localcluster.store.correlation import Correlator
from localcluster.store.history import Change, History
from localcluster.store.journal import Journal, Key
from localcluster.store.merging import SERVER_FIELDS, drop_empty, merged
from localcluster.store.merging import copied as copied
from localcluster.store.resources import KINDS
from localcluster.store.selectors import Selector
from localcluster.store.shelf import Shelf, place_of

Object = dict[str, Any]
Objects = list[Object]

Admission = Callable[[Object, Object | None], None]
"""Called with an object as it is about to be stored, and what it replaces."""


class Store:
    """All objects. `revision` is the resourceVersion of the newest write; it only rises, also over a restart."""

    def __init__(self, path: Path, *, window: int = 5000, window_size: int = 2**26) -> None:
        self._journal = Journal(path)
        self._shelves = {kind: Shelf() for kind in KINDS}
        for (kind, _, _), obj in self._journal.objects():
            self._shelves[kind].put(obj)
        self.revision = self._journal.revision()
        self.history = History(self.revision, window, window_size)
        self.correlator = Correlator()
        self._audience = Audience()

    def close(self) -> None:
        self._journal.close()

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        """One object; namespace is None for kinds without. Raises NotFound."""
        found = self.find(kind, namespace, name)
        if found is None:
            raise NotFound(kind, name)
        return found

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """One object, or None."""
        return self._shelves[kind].get(namespace or "", name)

    def list(self, kind: str, namespace: str | None = None, labels: Selector | None = None) -> Objects:
        """The objects of a kind in one namespace, or in all, in order of namespace and name."""
        found = self._shelves[kind].of(namespace)
        return [obj for obj in found if labels is None or labels.matches(obj["metadata"].get("labels"))]

    def owned(self, kind: str, uid: str) -> Objects:
        """The objects of a kind that name this uid among their owners; of Events, those about the object."""
        return self._shelves[kind].owned(uid)

    def unowned(self, kind: str, namespace: str) -> Objects:
        """The objects of a kind in a namespace that name no owner."""
        return [obj for obj in self._shelves[kind].owned("") if obj["metadata"].get("namespace") == namespace]

    def create(
        self,
        kind: str,
        obj: Object,
        *,
        dry_run: bool = False,
        admit: Admission | None = None,
        manager: str | None = None,
    ) -> Object:
        """Stores a new object with defaults, uid, creationTimestamp and a generated name where asked for.

        `admit` may refuse the complete object by raising, or add to it. With `manager` the managedFields are kept
        here; else they are the caller's to keep. Raises AlreadyExists; NotFound or Forbidden when its namespace is
        missing or being deleted.
        """
        new = {"kind": kind, "apiVersion": KINDS[kind].api_version, **copied(obj)}
        meta = new.setdefault("metadata", {})
        drop_empty(meta)
        self._admit_namespace(kind, meta)
        namespace = meta.get("namespace") or ""
        if not meta.get("name"):
            meta["name"] = admission.generated_name(meta, lambda name: self.find(kind, namespace, name) is not None)
        if self.find(kind, namespace, meta["name"]):
            raise AlreadyExists(kind, meta["name"])
        for field in (*SERVER_FIELDS, "resourceVersion"):
            meta.pop(field, None)
        meta["uid"], meta["creationTimestamp"] = str(uuid.uuid4()), clock.now()
        if KINDS[kind].counts_generations:
            meta["generation"] = 1
        defaults.fill(kind, new)
        if kind == "Service":
            defaults.allocate_addresses(new, self.list(kind))
        if manager:
            ownership.write_claims(new, ownership.after_update(kind, None, new, manager, ""))
        if admit:
            admit(new, None)
        self._admit_creation(kind, new)
        return new if dry_run else self._commit("ADDED", kind, new, None)

    def update(
        self,
        kind: str,
        obj: Object,
        *,
        subresource: str | None = None,
        manager: str | None = None,
        dry_run: bool = False,
        admit: Admission | None = None,
    ) -> Object:
        """Replaces an object, or only its status (`subresource="status"`); without a subresource the status stays.
        The scheduler's write, `"binding"`, takes `spec.nodeName` and the status. `manager` as for `create`.

        A resourceVersion in the object must be the present one: raises Conflict. What the server owns (uid, times of
        creation and deletion) stays. The generation rises when more than metadata and status changes. A write that
        changes nothing gives the present object, with its resourceVersion. The last finalizer's removal removes an
        object that is deleted.
        """
        meta = obj["metadata"]
        current = self.get(kind, meta.get("namespace"), meta["name"])
        there = current["metadata"]
        if meta.get("resourceVersion") not in (None, "", there["resourceVersion"]):
            raise Conflict(kind, meta["name"])
        if meta.get("uid") not in (None, "", there["uid"]):
            raise PreconditionFailed(kind, meta["name"], "UID", meta["uid"], there["uid"])
        new = merged(kind, current, copied(obj), subresource)
        if manager and new != current:
            ownership.write_claims(new, ownership.after_update(kind, current, new, manager, subresource or ""))
        if admit:
            admit(new, current)
        if new == current:
            return current
        if dry_run:
            return new
        if deletion.is_finished(kind, new):
            return self._commit("DELETED", kind, new, current)
        return self._commit("MODIFIED", kind, new, current)

    def patch_status(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        change: Callable[[Object], None],
        *,
        manager: str = "kube-controller-manager",
    ) -> Object | None:
        """Calls `change` with a copy of the object, whose status and annotations it may change, and writes it.

        None if it is gone.
        """
        current = self.find(kind, namespace, name)
        if current is None:
            return None
        new = copied(current)
        new.setdefault("status", {})
        change(new)
        return self.update(kind, new, subresource="status", manager=manager)

    def delete(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
        grace: int | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Deletes an object, or marks it deleted where something must happen first.

        That is so with finalizers (propagation `Foreground` adds `foregroundDeletion`, which the garbage collector
        removes once the dependents are gone), for a Namespace (its `spec.finalizers`), and for a Pod on a node with a
        grace period (seconds; default: the pod's own): its kubelet deletes it again with grace 0. Propagation `Orphan`
        cuts the dependents loose in the same call. Gives the object as it is afterwards, or last was. Raises NotFound;
        PreconditionFailed when uid or resource_version is another.
        """
        current = self.get(kind, namespace, name)
        there = current["metadata"]
        if uid is not None and uid != there["uid"]:
            raise PreconditionFailed(kind, name, "UID", uid, there["uid"])
        if resource_version is not None and resource_version != there["resourceVersion"]:
            raise PreconditionFailed(kind, name, "ResourceVersion", resource_version, there["resourceVersion"])
        new = copied(current)
        if propagation == "Foreground":
            deletion.add_finalizer(new, "foregroundDeletion")
        if deletion.is_gradual(kind, new):
            deletion.mark_deleted(kind, new, grace)
        if dry_run:
            return new
        if propagation == "Orphan":
            self._orphan_dependents(there["uid"])
        marked = current if new == current else self._commit("MODIFIED", kind, new, current)
        if deletion.is_gradual(kind, marked) and not deletion.is_finished(kind, marked):
            return marked
        if self.find(kind, namespace, name) is not marked:  # whoever was told of the mark was quicker
            return marked
        return self._commit("DELETED", kind, copied(marked), marked)

    def subscribe(self, callback: Callable[[str, str, Object], None]) -> Callable[[], None]:
        """Calls back after each write, in order, with ADDED, MODIFIED or DELETED, the kind and the object.

        Gives a function that ends it. A callback may write: it hears of that after it has returned.
        """
        return self.subscribe_changes(lambda change: callback(change.type, change.kind, change.object))

    def subscribe_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """As `subscribe`, with what the object was before."""
        return self._audience.add(callback)

    def _admit_namespace(self, kind: str, meta: Object) -> None:
        if not KINDS[kind].namespaced:
            meta.pop("namespace", None)
            return
        namespace = meta.setdefault("namespace", "default")
        admission.check_namespace(kind, meta, self.get("Namespace", None, namespace))

    def _admit_creation(self, kind: str, new: Object) -> None:
        """What a namespace's own rules say, whoever creates."""
        if kind == "Pod":
            pod_security.enforce(self.get("Namespace", None, new["metadata"]["namespace"]), new)
        quota.check(kind, new, self.list)

    def _orphan_dependents(self, uid: str) -> None:
        for kind in KINDS:
            for obj in self.owned(kind, uid) if kind != "Event" else ():
                freed = copied(obj)
                owners = freed["metadata"]["ownerReferences"]
                freed["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
                self.update(kind, freed)

    def _commit(self, type_: str, kind: str, new: Object, before: Object | None) -> Object:
        revision = self.revision + 1
        meta = new["metadata"]
        meta["resourceVersion"] = str(revision)
        encoded = json.dumps(new, separators=(",", ":")).encode()
        key: Key = (kind, *place_of(new))
        if type_ == "DELETED":
            self._journal.remove(key, revision)
            self._shelves[kind].remove(*place_of(new))
        else:
            self._journal.put(key, encoded, revision)
            self._shelves[kind].put(new)
        self.revision = revision
        change = Change(revision, type_, kind, new, before, encoded)
        self.history.append(change)
        self._audience.tell(change)
        return new
