"""Get and list, as requests."""

import base64
import json
from typing import Any

from localcluster.errors import BadRequest, Expired, FutureVersion, StatusError
from localcluster.server import scale, tables
from localcluster.server.messages import Object, Request, Response, json_response
from localcluster.store.resources import Kind
from localcluster.store.selectors import Selector, parse_fields
from localcluster.store.store import Store

_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, "
    "or deleted "
    "between the time the first chunk was returned and now may show up in the list."
)


def version(request: Request) -> int | None:
    """The `resourceVersion` parameter; None without one. Raises StatusError (500, as the API server does)."""
    text = request.query.get("resourceVersion", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise StatusError(500, "", words)
    return int(text)


def get(store: Store, request: Request, kind: Kind, namespace: str | None, name: str, subresource: str) -> Response:
    """One object, its Scale, or a Table of it."""
    obj = store.get(kind.kind, namespace, name)
    accept = request.accept
    if subresource == "scale":
        obj = scale.of(obj)
    elif accept.form == "Table":
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        obj = tables.table(kind.kind, [obj], metadata, request.query.get("includeObject", ""))
    elif accept.form:
        obj = tables.partial(obj)
    return json_response(200, obj, as_yaml=accept.is_yaml)


def list_(store: Store, request: Request, kind: Kind, namespace: str | None) -> Response:
    """The objects of a kind in a namespace or in all, chosen by selectors, in pages if `limit` says so."""
    wanted = version(request)
    start, revision = _start(store, request)
    if wanted is not None and wanted > store.revision:
        raise FutureVersion(wanted, store.revision)
    if request.query.get("resourceVersionMatch") == "Exact" and wanted != store.revision:
        raise Expired("The resourceVersion for the provided list is too old.")
    found = _selected(store, request, kind, namespace)
    found = [obj for obj in found if _place(obj) > start] if start else found
    limit = request.number("limit") or 0
    page = found[:limit] if limit else found
    metadata: Object = {"resourceVersion": str(revision)}
    if len(page) < len(found):
        metadata["continue"] = _token(revision, _place(page[-1]))
        metadata["remainingItemCount"] = len(found) - len(page)
    return json_response(200, _shown(request, kind, page, metadata), as_yaml=request.accept.is_yaml)


def _selected(store: Store, request: Request, kind: Kind, namespace: str | None) -> list[Object]:
    labels = Selector.parse(request.query.get("labelSelector", ""))
    fields = parse_fields(kind.kind, request.query.get("fieldSelector", ""))
    return [obj for obj in store.list(kind.kind, namespace, labels) if fields(obj)]


def _shown(request: Request, kind: Kind, page: list[Object], metadata: Object) -> Object:
    form = request.accept.form
    if form == "Table":
        return tables.table(kind.kind, page, metadata, request.query.get("includeObject", ""))
    if form:
        items = [tables.partial(obj) for obj in page]
        name, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
    else:
        items = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in page]
        name, api_version = f"{kind.kind}List", kind.api_version
    return {"kind": name, "apiVersion": api_version, "metadata": metadata, "items": items}


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace") or "", obj["metadata"]["name"]


def _token(revision: int, place: tuple[str, str]) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": list(place)})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _start(store: Store, request: Request) -> tuple[tuple[str, str] | None, int]:
    """Where a page begins, and the revision of the list that it belongs to. Raises BadRequest, Expired."""
    token = request.query.get("continue", "")
    if not token:
        return None, store.revision
    try:
        content: Any = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = content["start"]
        place, revision = (str(namespace), str(name)), int(content["rv"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadRequest("continue key is not valid") from None
    if revision < 0:
        return place, store.revision
    if not store.history.oldest <= revision <= store.revision:
        raise _expired(place)
    return place, revision


def _expired(place: tuple[str, str]) -> Expired:
    """410 with a token that goes on from there anyway."""

    class ExpiredList(Expired):
        def body(self) -> dict[str, Any]:
            return {**super().body(), "metadata": {"continue": _token(-1, place)}}

    return ExpiredList(_CONTINUE_EXPIRED)
