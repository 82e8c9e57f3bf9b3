"""The scale subresource: `autoscaling/v1` Scale objects that show and set the replicas of another object."""

from typing import Any

from localcluster.errors import BadRequest
from localcluster.server.bodies import parse_body
from localcluster.server.messages import Object, Request
from localcluster.store.resources import Kind


def of(obj: Object) -> Object:
    """The Scale of a Deployment or ReplicaSet."""
    meta = obj["metadata"]
    shown = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: meta[key] for key in shown if key in meta},
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def read(request: Request, current: Object) -> Object:
    """The Scale in the body of a replace. Raises BadRequest."""
    body = parse_body(request)
    if not isinstance(body, dict) or body.get("kind", "Scale") != "Scale":
        raise BadRequest("the body must be a Scale of autoscaling/v1")
    meta = body.get("metadata") or {}
    if not isinstance(meta, dict):
        raise BadRequest("the body must be a Scale of autoscaling/v1")
    name = meta.get("name") or current["metadata"]["name"]
    if name != current["metadata"]["name"]:
        raise BadRequest(
            f"the name of the object ({name}) does not match the name on the URL ({current['metadata']['name']})"
        )
    return body


def replicas(wanted: Object) -> int:
    """The count in a Scale; none means 0. Raises BadRequest."""
    spec: Any = wanted.get("spec") or {}
    count = spec.get("replicas", 0) if isinstance(spec, dict) else None
    if not isinstance(count, int) or isinstance(count, bool) or not -(2**31) <= count < 2**31:
        raise BadRequest(
            'Scale in version "v1" cannot be handled as a Scale: '
            "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    return count


def version(wanted: Object) -> str | None:
    """The resourceVersion that a Scale asks for, if any."""
    meta: Any = wanted.get("metadata") or {}
    found = meta.get("resourceVersion") if isinstance(meta, dict) else None
    return found if isinstance(found, str) else None


def as_applied(body: Object, kind: Kind, live: Object | None) -> Object:
    """An applied Scale as what it says about the scaled object."""
    meta = {"name": live["metadata"]["name"]} if live else {}
    if version(body):
        meta["resourceVersion"] = str(version(body))
    spec = {"replicas": replicas(body)} if body.get("spec") else {}
    return {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta, "spec": spec}
