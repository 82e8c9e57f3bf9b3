"""What a write leaves of an object: what the server owns stays, and a subresource changes only its own part."""

import marshal
from typing import Any

from localcluster.store import defaults
from localcluster.store.resources import KINDS

Object = dict[str, Any]

WITH_STATUS = {"annotations", "managedFields"}
"""What of the metadata a write of the status may change."""
SERVER_FIELDS = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def copied(obj: Object) -> Object:
    """A copy that may be changed. Plain data goes through `marshal` in a third of the time that JSON takes."""
    copy: Object = marshal.loads(marshal.dumps(obj))  # noqa: S302 - its own output, at once
    return copy


def merged(kind: str, current: Object, new: Object, subresource: str | None) -> Object:
    """The object as the write leaves it, before it gets its resourceVersion. `new` is changed on the way."""
    there = current["metadata"]
    if subresource == "status":
        merged = {**copied(current), "status": new.get("status") or {}}
        for field in WITH_STATUS & new["metadata"].keys():
            merged["metadata"][field] = new["metadata"][field]
        return merged
    if subresource == "binding":
        bound = {**copied(current), "status": new.get("status") or {}}
        bound["spec"]["nodeName"] = new["spec"]["nodeName"]
        return bound
    new["kind"], new["apiVersion"] = current["kind"], current["apiVersion"]
    meta = new["metadata"]
    drop_empty(meta)
    for field in (*SERVER_FIELDS, "resourceVersion", "namespace", "generateName"):
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


def drop_empty(meta: Object) -> None:
    """Nothing is said by an empty list or map of these, so it is not kept."""
    for field in ("annotations", "finalizers", "labels", "ownerReferences"):
        if field in meta and not meta[field]:
            del meta[field]


def _substance(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}
