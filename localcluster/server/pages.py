"""Lists as they stood at a version, in pages (Kubernetes API concepts, "Retrieving large results sets in chunks")."""

import base64
import json
from typing import Any

from localcluster.errors import BadRequest, Expired, FutureVersion
from localcluster.server.messages import Object, Request
from localcluster.server.options import check_list, version
from localcluster.store.resources import Kind
from localcluster.store.store import Store

_TOO_OLD = "The resourceVersion for the provided list is too old."
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)

Place = tuple[str, str]
"""Namespace and name: the order of a list."""


class ExpiredPage(Expired):
    """410 with a token that goes on from there anyway."""

    def __init__(self, token: str) -> None:
        super().__init__(_CONTINUE_EXPIRED)
        self._token = token

    def body(self) -> dict[str, Any]:
        return {**super().body(), "metadata": {"continue": self._token}}


class Pages:
    """The list that a request asks for: at which revision, and from where on. Raises BadRequest, Expired,
    FutureVersion, StatusError (422) for options that contradict each other."""

    def __init__(self, store: Store, request: Request, kind: Kind, namespace: str | None) -> None:
        self.store, self.kind, self.namespace = store, kind, namespace
        self.limit = request.number("limit") or 0
        check_list(request)
        self.start: Place | None = None
        self.revision = store.revision
        token = request.query.get("continue", "")
        if token:
            self._continue(token)
        else:
            self._begin(request)

    def objects(self) -> list[Object]:
        """What there was at the revision and is still to come, in order. Raises Expired."""
        if self.revision == self.store.revision:
            present = self.store.list(self.kind.kind, self.namespace)
        else:
            present = self._past()
        return [obj for obj in present if self.start is None or place(obj) > self.start]

    def cut(self, found: list[Object]) -> tuple[list[Object], Object]:
        """One page of what was selected, and the list's metadata."""
        metadata: Object = {"resourceVersion": str(self.revision)}
        page = found[: self.limit] if self.limit else found
        if len(page) < len(found):
            metadata["continue"] = self._token(self.revision, place(page[-1]))
            metadata["remainingItemCount"] = len(found) - len(page)
        return page, metadata

    def _begin(self, request: Request) -> None:
        wanted = version(request)
        if wanted is None:
            return
        if wanted > self.store.revision:
            raise FutureVersion(wanted, self.store.revision)
        match = request.query.get("resourceVersionMatch", "")
        if match == "Exact" or (not match and self.limit and wanted):
            if wanted < self.store.history.oldest:
                raise Expired(_TOO_OLD)
            self.revision = wanted

    def _past(self) -> list[Object]:
        """The objects as they stood: the present ones, with what has changed since taken back."""
        objects = {place(obj): obj for obj in self.store.list(self.kind.kind, self.namespace)}
        seen: set[Place] = set()
        for change in self.store.history.since(self.revision):
            at = place(change.object)
            if change.kind != self.kind.kind or at in seen or (self.namespace and at[0] != self.namespace):
                continue
            seen.add(at)
            if change.before is None:
                objects.pop(at, None)
            else:
                objects[at] = change.before
        return [objects[at] for at in sorted(objects)]

    def _continue(self, token: str) -> None:
        self.start, revision = self._read(token)
        if revision < 0:
            return
        if not self.store.history.oldest <= revision <= self.store.revision:
            raise ExpiredPage(self._token(-1, self.start))
        self.revision = revision

    def _token(self, revision: int, last: Place) -> str:
        """As the API server's: the key of the last object, and the least that follows it."""
        key = last[1] if self.namespace or not self.kind.namespaced else "/".join(last)
        content = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": key + "\0"}, separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    def _read(self, token: str) -> tuple[Place, int]:
        try:
            content: Any = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True))
            key, revision = content["start"].removesuffix("\0"), content["rv"]
            is_ours = content["v"] == "meta.k8s.io/v1" and isinstance(revision, int) and revision and key
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            is_ours = False
        if not is_ours:
            raise BadRequest("continue key is not valid: unrecognized or unreadable token")
        if self.namespace or not self.kind.namespaced:
            return (self.namespace or "", key), revision
        namespace, _, name = key.partition("/")
        return (namespace, name), revision


def place(obj: Object) -> Place:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]
