"""The objects of one kind, and the ways in which they are found."""

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]
Place = tuple[str, str]
"""Namespace ("" without one) and name."""


class Shelf:
    """By namespace and name, and by the uid of what they belong to: their owners, an Event's object."""

    def __init__(self) -> None:
        self._by_namespace: dict[str, dict[str, Object]] = {}
        self._by_owner: dict[str, dict[Place, Object]] = {}

    def get(self, namespace: str, name: str) -> Object | None:
        return self._by_namespace.get(namespace, {}).get(name)

    def put(self, obj: Object) -> None:
        """Adds an object, in place of the one that stood there."""
        namespace, name = place = place_of(obj)
        before = self.get(namespace, name)
        if before is not None:
            self._forget(place, before)
        self._by_namespace.setdefault(namespace, {})[name] = obj
        for uid in _owners(obj):
            self._by_owner.setdefault(uid, {})[place] = obj

    def remove(self, namespace: str, name: str) -> None:
        found = self._by_namespace.get(namespace, {}).pop(name, None)
        if found is not None:
            self._forget((namespace, name), found)
        if not self._by_namespace.get(namespace, True):
            del self._by_namespace[namespace]

    def of(self, namespace: str | None) -> Iterator[Object]:
        """Those of a namespace, or all, in order of namespace and name."""
        chosen = sorted(self._by_namespace) if not namespace else [namespace]
        for name in chosen:
            objects = self._by_namespace.get(name, {})
            yield from (objects[key] for key in sorted(objects))

    def owned(self, uid: str) -> list[Object]:
        """Those that name this uid as an owner, in order of name; `""`: those without an owner."""
        found = self._by_owner.get(uid, {})
        return [found[place] for place in sorted(found)]

    def _forget(self, place: Place, obj: Object) -> None:
        for uid in _owners(obj):
            known = self._by_owner[uid]
            known.pop(place, None)
            if not known:
                del self._by_owner[uid]


def place_of(obj: Object) -> Place:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _owners(obj: Object) -> set[str]:
    if "involvedObject" in obj:
        return {obj["involvedObject"].get("uid") or ""}
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()} or {""}
