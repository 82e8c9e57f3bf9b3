"""The kinds of object that are served, and how each is named in addresses and messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Kind:
    """One kind of object, as discovery describes it."""

    group: str
    version: str
    kind: str
    plural: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ("status",)
    categories: tuple[str, ...] = ()
    counts_generations: bool = False
    """Whether metadata.generation is kept (Services, Secrets and ConfigMaps have none)."""

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        """The address of the group and version: `/api/v1`, `/apis/apps/v1`."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def resource(self) -> str:
        """The name in messages about requests: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """The name in messages about objects: `Deployment.apps`, `Pod`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


_ALL = (
    Kind("", "v1", "ConfigMap", "configmaps", ("cm",), subresources=()),
    Kind("", "v1", "Event", "events", ("ev",), subresources=()),
    Kind("", "v1", "Namespace", "namespaces", ("ns",), namespaced=False, subresources=("finalize", "status")),
    Kind("", "v1", "Node", "nodes", ("no",), namespaced=False),
    Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", ("pvc",)),
    Kind("", "v1", "Pod", "pods", ("po",), True, ("eviction", "log", "status"), ("all",), True),
    Kind("", "v1", "ResourceQuota", "resourcequotas", ("quota",)),
    Kind("", "v1", "Secret", "secrets", subresources=()),
    Kind("", "v1", "Service", "services", ("svc",), categories=("all",)),
    Kind("", "v1", "ServiceAccount", "serviceaccounts", ("sa",), subresources=()),
    Kind("apps", "v1", "Deployment", "deployments", ("deploy",), True, ("scale", "status"), ("all",), True),
    Kind("apps", "v1", "ReplicaSet", "replicasets", ("rs",), True, ("scale", "status"), ("all",), True),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", ("hpa",), categories=("all",)),
    Kind("batch", "v1", "CronJob", "cronjobs", ("cj",), categories=("all",), counts_generations=True),
    Kind("batch", "v1", "Job", "jobs", categories=("all",), counts_generations=True),
    Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", subresources=(), counts_generations=True),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses", ("ing",), counts_generations=True),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", ("pdb",), counts_generations=True),
)

KINDS: dict[str, Kind] = {kind.kind: kind for kind in _ALL}
"""By the name of the kind: `KINDS["Deployment"]`. No name is served in two groups."""

_BY_ADDRESS = {(kind.group, kind.version, kind.plural): kind for kind in _ALL}


def find(group: str, version: str, plural: str) -> Kind | None:
    """The kind at an address, or None."""
    return _BY_ADDRESS.get((group, version, plural))


def group_versions() -> Iterator[tuple[str, str]]:
    """Each group and version once, the core group ("") first."""
    yield from dict.fromkeys((kind.group, kind.version) for kind in _ALL)


def kinds_of(group: str, version: str) -> list[Kind]:
    """The kinds of one group and version, in order of their plural."""
    return sorted((kind for kind in _ALL if (kind.group, kind.version) == (group, version)), key=lambda k: k.plural)


def pod_spec_of(kind: str, obj: dict[str, Any]) -> dict[str, Any] | None:
    """The specification of the pods that an object is, or is a template of; None for what has none."""
    path = {
        "Pod": ("spec",),
        "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
        **dict.fromkeys(("Deployment", "Job", "ReplicaSet"), ("spec", "template", "spec")),
    }.get(kind)
    found: Any = obj if path else None
    for step in path or ():
        found = found.get(step) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None
