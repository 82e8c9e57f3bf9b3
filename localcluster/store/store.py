"""The one source of truth: objects in memory, written through to SQLite, and the changes that watches are served from.

All methods are synchronous and belong to the thread of the event loop. Objects that are handed out are shared and never
changed by anybody: copy (`copied`) before changing.
"""

import json
import logging
import secrets
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcluster import clock
from localcluster.errors import AlreadyExists, BadRequest, Cause, Conflict, Forbidden, NotFound, PreconditionFailed
from localcluster.store import defaults, deletion
from localcluster.store.history import Change, History
from localcluster.store.journal import Journal, Key
from localcluster.store.resources import KINDS
from localcluster.store.selectors import Selector

Object = dict[str, Any]

Admission = Callable[[Object, Object | None], None]
"""Called with an object as it is about to be stored, and what it replaces."""

log = logging.getLogger(__name__)

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SERVER_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def copied(obj: Object) -> Object:
    """A copy that may be changed."""
    copy: Object = json.loads(json.dumps(obj))
    return copy


def suffix() -> str:
    """The five letters that end a generated name."""
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))


class Store:
    """All objects. `revision` is the resourceVersion of the newest write; it only rises, also over a restart."""

    def __init__(self, path: Path, *, window: int = 5000) -> None:
        self._journal = Journal(path)
        self._objects: dict[str, dict[tuple[str, str], Object]] = {kind: {} for kind in KINDS}
        for (kind, namespace, name), obj in self._journal.objects():
            self._objects[kind][namespace, name] = obj
        self.revision = self._journal.revision()
        self.history = History(self.revision, window)
        self._subscribers: list[Callable[[Change], None]] = []
        self._untold: deque[Change] = deque()
        self._telling = False

    def close(self) -> None:
        self._journal.close()

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        """One object; namespace is None for kinds without. Raises NotFound."""
        try:
            return self._objects[kind][namespace or "", name]
        except KeyError:
            raise NotFound(kind, name) from None

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """One object, or None."""
        return self._objects[kind].get((namespace or "", name))

    def list(self, kind: str, namespace: str | None = None, labels: Selector | None = None) -> "list[Object]":
        """The objects of a kind in one namespace, or in all, in order of namespace and name."""
        chosen = [
            (key, obj)
            for key, obj in self._objects[kind].items()
            if (not namespace or key[0] == namespace)
            and (labels is None or labels.matches(obj["metadata"].get("labels")))
        ]
        return [obj for _, obj in sorted(chosen, key=lambda pair: pair[0])]

    def create(self, kind: str, obj: Object, *, dry_run: bool = False, admit: Admission | None = None) -> Object:
        """Stores a new object with defaults, uid, creationTimestamp and a generated name where asked for.

        `admit` may refuse the complete object by raising, or add to it. Raises AlreadyExists; NotFound or
        Forbidden when its namespace is missing or being deleted.
        """
        new = {"kind": kind, "apiVersion": KINDS[kind].api_version, **copied(obj)}
        meta = new.setdefault("metadata", {})
        self._admit_namespace(kind, meta)
        namespace = meta.get("namespace") or ""
        if not meta.get("name"):
            meta["name"] = self._generated_name(kind, namespace, meta)
        if (namespace, meta["name"]) in self._objects[kind]:
            raise AlreadyExists(kind, meta["name"])
        for field in (*_SERVER_FIELDS, "resourceVersion"):
            meta.pop(field, None)
        meta["uid"], meta["creationTimestamp"] = str(uuid.uuid4()), clock.now()
        if KINDS[kind].counts_generations:
            meta["generation"] = 1
        defaults.fill(kind, new)
        if kind == "Service":
            defaults.allocate_addresses(new, self._objects[kind].values())
        if admit:
            admit(new, None)
        return new if dry_run else self._commit("ADDED", kind, new, None)

    def update(
        self,
        kind: str,
        obj: Object,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        admit: Admission | None = None,
    ) -> Object:
        """Replaces an object, or only its status (`subresource="status"`); without a subresource the status stays.

        A resourceVersion in the object must be the present one: raises Conflict. What the server owns (uid,
        creation and
        deletion times) stays. The generation rises when more than metadata and status changes. A write that
        changes nothing
        gives the present object, with its resourceVersion. The last finalizer's removal removes an object that is
        deleted.
        """
        meta = obj["metadata"]
        current = self.get(kind, meta.get("namespace"), meta["name"])
        there = current["metadata"]
        if meta.get("resourceVersion") not in (None, "", there["resourceVersion"]):
            raise Conflict(kind, meta["name"])
        if meta.get("uid") not in (None, "", there["uid"]):
            raise PreconditionFailed(kind, meta["name"], "UID", meta["uid"], there["uid"])
        new = self._merged(kind, current, copied(obj), subresource)
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
        self, kind: str, namespace: str | None, name: str, change: Callable[[Object], None]
    ) -> Object | None:
        """Calls `change` with a copy of the object, whose status it may change, and writes it. None if it is gone."""
        current = self.find(kind, namespace, name)
        if current is None:
            return None
        new = copied(current)
        new.setdefault("status", {})
        change(new)
        return self.update(kind, new, subresource="status")

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
        removes
        once the dependents are gone), for a Namespace (its `spec.finalizers`), and for a Pod on a node with a
        grace period
        (seconds; default: the pod's own): its kubelet deletes it again with grace 0. Propagation `Orphan` cuts the
        dependents loose in the same call. Gives the object as it is afterwards, or last was.
        Raises NotFound; PreconditionFailed when uid or resource_version is another.
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
        deletion.mark_deleted(kind, new, grace)
        if dry_run:
            return new
        if propagation == "Orphan":
            self._orphan_dependents(there["uid"])
        if deletion.is_finished(kind, new):
            return self._commit("DELETED", kind, new, current)
        return current if new == current else self._commit("MODIFIED", kind, new, current)

    def subscribe(self, callback: Callable[[str, str, Object], None]) -> Callable[[], None]:
        """Calls back after each write, in order, with ADDED, MODIFIED or DELETED, the kind and the object.

        Gives a function that ends it. A callback may write: it hears of that after it has returned.
        """
        return self.subscribe_changes(lambda change: callback(change.type, change.kind, change.object))

    def subscribe_changes(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """As `subscribe`, with what the object was before."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def _admit_namespace(self, kind: str, meta: Object) -> None:
        if not KINDS[kind].namespaced:
            meta.pop("namespace", None)
            return
        namespace = meta.setdefault("namespace", "default")
        if self.get("Namespace", None, namespace)["metadata"].get("deletionTimestamp"):
            message = f"namespace {namespace} is being terminated"
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            name = meta.get("name") or meta.get("generateName") or ""
            raise Forbidden(kind, name, why, [Cause("NamespaceTerminating", message, "metadata.namespace")])

    def _generated_name(self, kind: str, namespace: str, meta: Object) -> str:
        stem = meta.get("generateName")
        if not stem:
            raise BadRequest("name or generateName is required")
        while True:
            name = f"{stem[:58]}{suffix()}"
            if (namespace, name) not in self._objects[kind]:
                return name

    def _merged(self, kind: str, current: Object, new: Object, subresource: str | None) -> Object:
        """The object as the write leaves it, before it gets its resourceVersion."""
        there = current["metadata"]
        if subresource == "status":
            merged = {**copied(current), "status": new.get("status") or {}}
            if "managedFields" in new["metadata"]:
                merged["metadata"]["managedFields"] = new["metadata"]["managedFields"]
            return merged
        new["kind"], new["apiVersion"] = current["kind"], current["apiVersion"]
        meta = new["metadata"]
        for field in (*_SERVER_FIELDS, "resourceVersion", "namespace", "generateName"):
            meta.pop(field, None)
            if field in there:
                meta[field] = there[field]
        if "status" in KINDS[kind].subresources:
            new.pop("status", None)
            if "status" in current:
                new["status"] = current["status"]
        defaults.fill(kind, new)
        if kind == "Service":
            defaults.keep_addresses(new, current)
        if "generation" in there and _substance(new) != _substance(current):
            meta["generation"] = there["generation"] + 1
        return new

    def _orphan_dependents(self, uid: str) -> None:
        for kind, objects in self._objects.items():
            for obj in list(objects.values()):
                owners = obj["metadata"].get("ownerReferences") or []
                if any(owner["uid"] == uid for owner in owners):
                    freed = copied(obj)
                    freed["metadata"]["ownerReferences"] = [owner for owner in owners if owner["uid"] != uid]
                    self.update(kind, freed)

    def _commit(self, type_: str, kind: str, new: Object, before: Object | None) -> Object:
        revision = self.revision + 1
        meta = new["metadata"]
        meta["resourceVersion"] = str(revision)
        place = (meta.get("namespace") or "", meta["name"])
        key: Key = (kind, *place)
        if type_ == "DELETED":
            self._journal.remove(key, revision)
            self._objects[kind].pop(place, None)
        else:
            self._journal.put(key, json.dumps(new, separators=(",", ":")), revision)
            self._objects[kind][place] = new
        self.revision = revision
        change = Change(revision, type_, kind, new, before)
        self.history.append(change)
        self._untold.append(change)
        self._tell()
        return new

    def _tell(self) -> None:
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                change = self._untold.popleft()
                for subscriber in list(self._subscribers):
                    self._call(subscriber, change)
        finally:
            self._telling = False

    @staticmethod
    def _call(subscriber: Callable[[Change], None], change: Change) -> None:
        try:
            subscriber(change)
        except Exception:
            log.exception("a subscriber failed on %s of a %s", change.type, change.kind)


def _substance(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}
