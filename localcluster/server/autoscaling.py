"""autoscaling/v1, which older clients (`kubectl autoscale` up to 1.32) use to make HorizontalPodAutoscalers: translated
to and from the v2 that is stored. Discovery does not name it, so everything else uses v2."""

import json
from dataclasses import replace
from typing import Any

from localcluster.errors import BadRequest, MethodNotAllowed
from localcluster.server import protobuf
from localcluster.server.messages import Object, Request, Response, parse_yaml

_OLD, _NEW = "autoscaling/v1", "autoscaling/v2"
_KIND, _PLURAL = "HorizontalPodAutoscaler", "horizontalpodautoscalers"


def serves(parts: list[str]) -> bool:
    """Whether an address is one of autoscaling/v1's autoscalers."""
    return parts[:3] == ["apis", "autoscaling", "v1"] and _PLURAL in parts[3:6]


def as_v2(request: Request, parts: list[str]) -> tuple[Request, list[str]]:
    """The same request to autoscaling/v2. Raises BadRequest, MethodNotAllowed for what only v2 has (patches,
    watches)."""
    if request.method == "PATCH" or request.flag("watch"):
        raise MethodNotAllowed
    address = [*parts[:2], "v2", *parts[3:]]
    if request.method not in ("POST", "PUT"):
        return request, address
    body = json.dumps(_autoscaler_v2(_read(request))).encode()
    return replace(request, body=body, headers={**request.headers, "content-type": "application/json"}), address


def as_v1(response: Response) -> Response:
    """The answer in the words of autoscaling/v1; a Status, a Table or a stream as it is."""
    if response.media_type != "application/json" or not isinstance(response.body, bytes):
        return response
    content: Any = json.loads(response.body)
    if content.get("kind") == f"{_KIND}List":
        content = {**content, "apiVersion": _OLD, "items": [_autoscaler_v1(item) for item in content["items"]]}
    elif content.get("kind") == _KIND:
        content = {**_autoscaler_v1(content), "apiVersion": _OLD}
    else:
        return response
    return replace(response, body=json.dumps(content, separators=(",", ":")).encode())


def _read(request: Request) -> Object:
    try:
        if request.media_type == "application/vnd.kubernetes.protobuf":
            body: Any = protobuf.decode(request.body)
        else:
            body = parse_yaml(request.body)
    except (ValueError, protobuf.Unreadable) as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("spec") or {}, dict):
        raise BadRequest(f"the body must be a {_KIND} of {_OLD}")
    return body


def _autoscaler_v2(body: Object) -> Object:
    spec = dict(body.get("spec") or {})
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    if wanted is not None:
        target = {"type": "Utilization", "averageUtilization": wanted}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**body, "apiVersion": _NEW, "spec": spec, "status": {}}


def _autoscaler_v1(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    wanted, measured = _cpu(spec.pop("metrics", []), "target"), _cpu(status.pop("currentMetrics", []), "current")
    spec.pop("behavior", None)
    status.pop("conditions", None)
    if wanted is not None:
        spec["targetCPUUtilizationPercentage"] = wanted
    if measured is not None:
        status["currentCPUUtilizationPercentage"] = measured
    return {**obj, "spec": spec, "status": {"currentReplicas": 0, "desiredReplicas": 0, **status}}


def _cpu(metrics: list[Object] | None, part: str) -> int | None:
    """The percentage in the metric that v1 knows."""
    found = (metric.get("resource") or {} for metric in metrics or [] if metric.get("type") == "Resource")
    values = (each.get(part, {}).get("averageUtilization") for each in found if each.get("name") == "cpu")
    return next((value for value in values if value is not None), None)
