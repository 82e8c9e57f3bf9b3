"""Which of a namespace's objects make up which service. Pure; the objects are tame (`shapes`).

By our labels; where those are not, by who made what: process, ReplicaSet, Deployment. What is a stranger's, and what
runs a command and ends, belongs to no service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from releases.pipeline import manifests, processes
from releases.pipeline.diagnosis.reported import Known, Object, Reported


@dataclass(frozen=True)
class Part:
    """A service as the cluster has it; without a `deployment` nothing of it is there, or only what was left behind.

    `templates`: uid of a ReplicaSet → the containers that the release has in its processes, init ones first. `mains`:
    those that are no init containers.
    """

    name: str
    deployment: Object | None = None
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mains: frozenset[str] = frozenset()

    def ours(self, pod: Object) -> frozenset[str]:
        """The names of the containers that the release has in it: what a mesh adds is nobody's."""
        of_template = self.templates.get(_maker(pod, "ReplicaSet")[0]) or self.templates.get("")
        named = of_template or _containers(pod.get("spec") or {})
        return frozenset({*named, manifests.CONTAINER} if named else processes.OURS)


def parts(reported: Reported, known: Known) -> list[Part]:
    """In the manifest's order, those that it does not have behind them by name."""
    deployments = _ours(reported.deployments, known)
    of_deployment = {obj["metadata"]["uid"]: processes.service(obj) or _name(obj) for obj in deployments}
    strangers = {obj["metadata"]["uid"] for obj in reported.deployments} - set(of_deployment)
    replica_sets = _by_service(reported.replica_sets, "Deployment", of_deployment, strangers)
    of_set = {obj["metadata"]["uid"]: service for service, found in replica_sets.items() for obj in found}
    strangers = {obj["metadata"]["uid"] for obj in reported.replica_sets} - set(of_set)
    pods = _by_service(reported.pods, "ReplicaSet", of_set, strangers)
    here = {of_deployment[obj["metadata"]["uid"]]: obj for obj in deployments}
    wanted = [name for name in (known.manifest or {}).get("services") or {} if isinstance(name, str)]
    names = dict.fromkeys([*wanted, *sorted({*here, *replica_sets, *pods})])
    return [_part(name, here.get(name), replica_sets.get(name, []), pods.get(name, [])) for name in names]


def _part(name: str, deployment: Object | None, replica_sets: list[Object], pods: list[Object]) -> Part:
    specs = {obj["metadata"]["uid"]: _pod_spec(obj) for obj in replica_sets}
    if deployment is not None:
        specs[""] = _pod_spec(deployment)
    mains = {name for spec in specs.values() for name in _names(spec, "containers")}
    templates = {uid: names for uid, spec in specs.items() if (names := _containers(spec))}
    return Part(name, deployment, replica_sets, pods, templates, frozenset({*mains, manifests.CONTAINER}))


def _ours(deployments: list[Object], known: Known) -> list[Object]:
    """Those with our label; where none has it, those that the manifest names, or all without a manifest."""
    labelled = [obj for obj in deployments if _labels(obj).get(manifests.MANAGED_BY) == manifests.MANAGER]
    if labelled:
        return labelled
    wanted = (known.manifest or {}).get("services")
    return [obj for obj in deployments if _name(obj) in wanted] if wanted else deployments


def _by_service(
    objects: list[Object], kind: str, makers: Mapping[str, str], strangers: set[str]
) -> dict[str, list[Object]]:
    """`makers`: uid of a `kind` → its service. What one of `strangers` made is left out."""
    found: dict[str, list[Object]] = {}
    unseen = not makers and not strangers
    for obj in objects:
        uid, name = _maker(obj, kind)
        service = makers.get(uid, "")
        if not service and uid not in strangers:
            service = processes.service(obj) or (_of_maker(name, kind) if unseen else "")
        if service:
            found.setdefault(service, []).append(obj)
    return found


def _of_maker(name: str, kind: str) -> str:
    """The Deployment's name, which that of its ReplicaSets begins with."""
    return name.rpartition("-")[0] if kind == "ReplicaSet" else name


def _maker(obj: Object, kind: str) -> tuple[str, str]:
    """uid and name of the `kind` that made it; blank when none did."""
    for owner in obj["metadata"].get("ownerReferences") or []:
        if owner.get("controller") and owner.get("kind") == kind:
            return owner.get("uid") or "", owner.get("name") or ""
    return "", ""


def _labels(obj: Object) -> Object:
    return obj["metadata"].get("labels") or {}


def _name(obj: Object) -> str:
    return obj["metadata"]["name"]


def _pod_spec(obj: Object) -> Object:
    return ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}


def _containers(spec: Object) -> tuple[str, ...]:
    return _names(spec, "initContainers") + _names(spec, "containers")


def _names(spec: Object, key: str) -> tuple[str, ...]:
    return tuple(item["name"] for item in spec.get(key) or [] if item.get("name"))
