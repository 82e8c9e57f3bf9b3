"""What keeps a service's processes running: its Deployment, its autoscaler, its disruption budget, its volumes."""

from typing import Any

from releases.models import Release
from releases.pipeline import strategies
from releases.pipeline.manifests import labels, pods
from releases.pipeline.manifests.labels import Object

# Without a health check only time tells whether a process stays.
VERIFY_UNCHECKED = 10


def deployment(release: Release, name: str, *, private: bool = False) -> Object:
    """Without replicas: scale belongs to the app."""
    service = release.manifest["services"][name]
    verify = verify_seconds(service)
    spec = {
        "paused": False,
        "selector": {"matchLabels": labels.selector(release, name)},
        "strategy": strategies.limits(release.manifest, service),
        "minReadySeconds": verify,
        "progressDeadlineSeconds": deadline_seconds(release.manifest, name) + verify,
        "revisionHistoryLimit": 2,
        "template": pods.service_pod(release, name, private=private),
    }
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def replicas(name: str, namespace: str, count: int) -> Object:
    """The part of a Deployment that `deployer-scale` owns."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": count}}


def restarted(deployment: Object, moment: str) -> Object:
    """What has all processes of a Deployment replaced, in the version that was read; `deployer-restart` owns it."""
    metadata = {key: deployment["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    template = {"metadata": {"annotations": {labels.RESTARTED: moment}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


def verify_seconds(service: Object) -> int:
    """How long a new process must stay ready before it counts as available."""
    given = service["deployment"]["verify"]
    return given if given is not None else 0 if service["health"] else VERIFY_UNCHECKED


def deadline_seconds(manifest: Object, service: str) -> int:
    return manifest["services"][service]["deployment"]["deadline"] or manifest["deployment"]["deadline"]


def volume_claims(release: Release, name: str) -> list[Object]:
    """One per volume of the service; without a storage class of its own, the cluster's default."""
    storage_class = release.app.cluster.storage_class
    claims = []
    for volume in release.manifest["services"][name]["volumes"]:
        spec: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{volume['size']}Gi"}},
        }
        if storage_class:
            spec["storageClassName"] = storage_class
        metadata = labels.metadata(release, pods.claim_name(name, volume["name"]), {labels.SERVICE: name})
        claims.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    return claims


def autoscaler(release: Release, name: str) -> Object:
    """Of a service whose `scale.count` is a range."""
    scale = release.manifest["services"][name]["scale"]
    metrics = [
        {
            "type": "Resource",
            "resource": {"name": resource, "target": {"type": "Utilization", "averageUtilization": per_cent}},
        }
        for resource, per_cent in scale["targets"].items()
        if per_cent is not None
    ]
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": scale["count"],
        "maxReplicas": scale["max"],
        "metrics": metrics,
    }
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def disruption_budget(release: Release, name: str) -> Object:
    """A node that is drained takes one process at a time; one that is broken already may always go."""
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels.selector(release, name)},
    }
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec}
