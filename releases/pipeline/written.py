"""What an object in the cluster says of itself: who wrote it last, whose its count is, what it holds. Pure."""

from typing import Any

from releases.pipeline import manifests, processes, volumes
from releases.pipeline.ownership import controller

Object = dict[str, Any]


def stamp(live: Object) -> tuple[int, ...]:
    """`<rollout number>.<epoch>` of who wrote it last; a stamp that is none is older than all."""
    parts = (live["metadata"].get("annotations") or {}).get(manifests.EPOCH, "0.0").split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else (0, 0)


def scale_is_shared(live: Object, manager: str) -> bool:
    """False when `manager`, who writes the rest of the Deployment, alone owns its replicas: a worker died between
    creating it and letting another manager own them too."""
    owners = {
        entry["manager"]
        for entry in live["metadata"].get("managedFields") or []
        if "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {})
    }
    return owners != {manager}


def count(deployment: Object) -> int:
    return deployment["spec"].get("replicas", 1)


def allowed(deployment: Object, wanted: int) -> int:
    """How many of `wanted` processes may run: two must never write to one volume."""
    return min(wanted, 1) if volumes.mounted(deployment) else wanted


def is_volume(obj: Object) -> bool:
    return obj["kind"] == volumes.KIND


def is_of_timer(obj: Object) -> bool:
    """A Job that a CronJob has begun."""
    return bool(controller(obj, "CronJob"))


def is_of_app(obj: Object) -> bool:
    """Whether it belongs to the app itself and stays, whichever release is active."""
    return manifests.DOMAINS in (obj["metadata"].get("labels") or {})


def is_over(job: Object) -> bool:
    return processes.has(job, "Complete") or processes.has(job, "Failed")


def substance(obj: Object) -> Object:
    """What an object says, without what every write moves."""
    metadata = obj["metadata"]
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != manifests.EPOCH}
    body = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    return {**body, "labels": metadata.get("labels"), "annotations": annotations}


def words(obj: Object) -> str:
    return f"{obj.get('kind', 'The object')} {obj['metadata']['name']}"
