"""The addresses that are not resources: health, version, discovery, OpenAPI, and the question what one may do."""

from typing import Any

from localcluster.errors import MethodNotAllowed, NoSuchResource
from localcluster.server import discovery
from localcluster.server.messages import Request, Response, json_response, parse_json
from localcluster.server.routes import UnknownGroup

_HEALTH = ("healthz", "livez", "readyz")


def about(request: Request, parts: list[str]) -> Response:
    """The addresses that are not resources: health, version, discovery, OpenAPI."""
    accept = request.headers.get("accept", "")
    if parts[0] in _HEALTH:
        return Response(200, b"ok", "text/plain; charset=utf-8")
    if parts in (["api"], ["apis"]) and discovery.wants_aggregated(accept):
        response = json_response(200, discovery.aggregated(core=parts == ["api"]))
        response.media_type = discovery.AGGREGATED
        return response
    body = _document(request, parts)
    if body is None:
        if parts[0] in ("api", "apis", "openapi"):
            raise UnknownGroup
        raise NoSuchResource
    return json_response(200, body)


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
        case ["openapi", "v3"]:
            return discovery.openapi_index()
        case ["openapi", "v3", "api", version]:
            return discovery.openapi("", version)
        case ["openapi", "v3", "apis", name, version]:
            return discovery.openapi(name, version)
        case [""]:
            return {"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}
    return None


def review(request: Request) -> Response:
    """Who has the token may do everything."""
    if request.method != "POST":
        raise MethodNotAllowed
    try:
        body = parse_json(request.body)
    except ValueError:
        body = None  # protobuf, perhaps; the answer is the same
    spec = body.get("spec", {}) if isinstance(body, dict) else {}
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
    return json_response(201, {**kind, "spec": spec, "status": {"allowed": True}})
