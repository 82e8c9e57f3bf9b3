"""The ReplicaSets of a Deployment: which is new, their names and annotations (pkg/controller/deployment/util)."""

import hashlib
import json
from typing import Any

from localcluster.controllers import owners

Object = dict[str, Any]

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
LARGEST = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = {REVISION, HISTORY, DESIRED, LARGEST, "kubectl.kubernetes.io/last-applied-configuration"}

_MOST_DIGITS = 19  # of a number in the API; Python itself refuses thousands
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object, collisions: int) -> str:
    """Ten characters of Kubernetes' alphabet without vowels and look-alikes (rand.SafeEncodeString)."""
    text = json.dumps([template, collisions], sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % 10**10
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in f"{number:010d}")


def same_template(one: Object, other: Object) -> bool:
    """Equal but for the hash label."""
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Object) -> Object:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    metadata.pop("creationTimestamp", None)
    return template | {"metadata": metadata}


def find_new(deployment: Object, sets: list[Object]) -> Object | None:
    """The ReplicaSet with the Deployment's template; the oldest, should there be two."""
    oldest_first = sorted(sets, key=lambda rs: (rs["metadata"]["creationTimestamp"], rs["metadata"]["name"]))
    template = deployment["spec"]["template"]
    return next((rs for rs in oldest_first if same_template(rs["spec"]["template"], template)), None)


def revision(obj: Object) -> int:
    return _number((obj["metadata"].get("annotations") or {}).get(REVISION))


def annotated_number(rs: Object, annotation: str) -> int | None:
    text = (rs["metadata"].get("annotations") or {}).get(annotation)
    return _number(text) if text else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < _MOST_DIGITS else 0


def size_annotations(desired: int, largest: int) -> dict[str, str]:
    return {DESIRED: str(desired), LARGEST: str(largest)}


def new_annotations(deployment: Object, rs: Object, number: int) -> dict[str, str]:
    """The annotations of the new ReplicaSet: the Deployment's, its revision, and the revisions that it had before."""
    found = dict(rs["metadata"].get("annotations") or {})
    given = deployment["metadata"].get("annotations") or {}
    found.update({name: value for name, value in given.items() if name not in NOT_COPIED})
    before = _number(found.get(REVISION))
    if before < number:
        if before:
            earlier = found.get(HISTORY)
            found[HISTORY] = f"{earlier},{before}" if earlier else str(before)
        found[REVISION] = str(number)
    return found


def build(deployment: Object, *, size: int, number: int, largest: int) -> Object:
    """A new ReplicaSet for the Deployment's template."""
    spec = deployment["spec"]
    collisions = (deployment.get("status") or {}).get("collisionCount") or 0
    digest = template_hash(spec["template"], collisions)
    metadata = dict(spec["template"].get("metadata") or {})
    labels = {**(metadata.get("labels") or {}), HASH_LABEL: digest}
    selector = dict(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    rs: Object = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [owners.reference(deployment)],
        },
        "spec": {
            "replicas": size,
            "selector": selector,
            "template": spec["template"] | {"metadata": metadata | {"labels": labels}},
        },
        "status": {"replicas": 0},
    }
    if spec.get("minReadySeconds"):
        rs["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    annotations = new_annotations(deployment, rs, number) | size_annotations(spec.get("replicas", 1), largest)
    rs["metadata"]["annotations"] = dict(sorted(annotations.items()))
    return rs
