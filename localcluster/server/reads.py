"""Get and list, as requests."""

from localcluster.server import scale, tables
from localcluster.server.messages import Object, Request, Response, json_response
from localcluster.server.options import version
from localcluster.server.pages import Pages
from localcluster.store.resources import Kind
from localcluster.store.selectors import Selector, parse_fields
from localcluster.store.store import Store

__all__ = ["get", "list_", "version"]


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
    labels = Selector.parse(request.query.get("labelSelector", ""))
    fields = parse_fields(kind.kind, request.query.get("fieldSelector", ""))
    pages = Pages(store, request, kind, namespace)
    found = [obj for obj in pages.objects() if labels.matches(obj["metadata"].get("labels")) and fields(obj)]
    page, metadata = pages.cut(found)
    if labels.requirements or request.query.get("fieldSelector"):
        metadata.pop("remainingItemCount", None)  # a real server cannot know it then
    return json_response(200, _shown(request, kind, page, metadata), as_yaml=request.accept.is_yaml)


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
