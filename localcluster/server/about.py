"""The addresses that are not resources: health, version, discovery, OpenAPI."""

from typing import Any

from localcluster.errors import NoSuchResource
from localcluster.server import discovery, openapi
from localcluster.server.messages import Request, Response, json_response
from localcluster.server.routes import UnknownGroup

_HEALTH = ("healthz", "livez", "readyz")


def about(request: Request, parts: list[str]) -> Response:
    """The answer to a GET. Raises UnknownGroup, NoSuchResource where nothing is."""
    if parts[0] in _HEALTH:
        return Response(200, b"ok", "text/plain; charset=utf-8")
    if parts[0] == "openapi" and len(parts) > 1:
        return openapi.answer(request, parts)
    form = discovery.aggregated_form(request.headers.get("accept", ""))
    if form and parts in (["api"], ["apis"]):
        response = json_response(200, discovery.aggregated(form, core=parts == ["api"]))
        response.media_type = discovery.media_type(form)
        return response
    body = _document(request, parts)
    if body is None:
        if parts[0] in ("api", "apis"):
            raise UnknownGroup
        raise NoSuchResource
    return json_response(200, body, as_yaml=request.accept.is_yaml)


def _document(request: Request, parts: list[str]) -> dict[str, Any] | None:
    match parts:
        case ["version"]:
            return discovery.VERSION
        case ["api"]:
            return discovery.versions(request.headers.get("host", ""))
        case ["apis"]:
            return discovery.groups()
        case ["api", version]:
            return discovery.resources("", version)
        case ["apis", name]:
            found = discovery.group(name)
            return found and {"kind": "APIGroup", "apiVersion": "v1", **found}
        case ["apis", name, version]:
            return discovery.resources(name, version)
        case [""]:
            return discovery.roots()
    return None
