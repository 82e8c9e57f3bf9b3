"""Volumes: a claim is made when it is missing, and from then on only read. What a release may ask of those that are
there, what is to be said of them, and which nothing uses. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from releases.pipeline import manifests

Object = dict[str, Any]
KIND = "PersistentVolumeClaim"
SUFFIXES = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
}
GIBIBYTE = SUFFIXES["Gi"]


@dataclass(frozen=True)
class Present:
    """What is there before anything is changed, all of it ours: claims and Deployments. `autoscaled`: service → the
    autoscaler, whoever made it, that decides how many processes of it run. `scale`: service → the recorded count.
    """

    claims: list[Object]
    deployments: list[Object]
    autoscaled: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Orphan:
    """A claim that nothing uses: it stays until a person deletes it. `size` in words."""

    name: str
    service: str
    size: str


def mounted(workload: Object) -> set[str]:
    """The names of the claims that the pods of a Deployment (a CronJob's Job, …) mount."""
    spec = workload["spec"]["template"]["spec"]
    sources = [volume.get("persistentVolumeClaim") or {} for volume in spec.get("volumes") or []]
    return {source["claimName"] for source in sources if source.get("claimName")}


def size(claim: Object) -> str:
    """As it is asked for: `10 GiB`; what is no whole number of them in the cluster's own words."""
    asked = _asked(claim)
    amount = _bytes(asked) / GIBIBYTE
    return f"{amount:.0f} GiB" if amount and amount == amount.to_integral_value() else asked or "of no size"


def orphans(claims: Iterable[Object], deployments: Iterable[Object]) -> list[Orphan]:
    """Those of `claims` that none of `deployments` mounts, by name."""
    used = {name for deployment in deployments for name in mounted(deployment)}
    found = [Orphan(_name(claim), _service(claim), size(claim)) for claim in claims if _name(claim) not in used]
    return sorted(found, key=lambda orphan: orphan.name)


# --- The plan -------------------------------------------------------------------------------------------------------


def refusals(wanted: list[Object], present: Present) -> list[str]:
    """Why `wanted`, the objects of a release, can't be: one sentence each."""
    asked = [obj for obj in wanted if obj["kind"] == KIND]
    users = [obj for obj in wanted if obj["kind"] == "Deployment" and mounted(obj)]
    found = [words for claim in asked if (words := _against(claim, present))]
    found += [words for user in users if (words := _renamed(user, present))]
    return found + [words for user in users if (words := _too_many(user, present))]


def announcements(wanted: list[Object], present: Present) -> list[str]:
    """What a person should know before it begins: gaps, and volumes that nothing will use."""
    said = [f"{_name(user)} has a volume: its process stops before the next one starts." for user in wanted
            if user["kind"] == "Deployment" and mounted(user) and _is_replaced(user, present)]  # fmt: skip
    kept = {_name(obj) for obj in wanted if obj["kind"] == KIND}
    used = {name for deployment in present.deployments for name in mounted(deployment)}
    left = [claim for claim in present.claims if _name(claim) in used - kept]
    return said + [f"The volume {_name(claim)} stays: {size(claim)}, nothing uses it now." for claim in left]


def _against(claim: Object, present: Present) -> str:
    name = _name(claim)
    live = next((found for found in present.claims if _name(found) == name), None)
    if live is None:
        return ""
    if "deletionTimestamp" in live["metadata"]:
        return f"The volume {name} is being deleted by somebody: promote again once it is gone."
    if _bytes(_asked(live)) != _bytes(_asked(claim)):
        return (
            f"The volume {name} has {size(live)} and the manifest says {size(claim)}: a promote can't change a "
            "volume's size."
        )
    return ""


def _renamed(user: Object, present: Present) -> str:
    """A process that finds an empty volume in place of its data is seldom what somebody wants."""
    there = {_name(claim) for claim in present.claims}
    left = [
        name
        for deployment in present.deployments
        if _name(deployment) == _name(user)
        for name in mounted(deployment) - mounted(user)
        if name in there
    ]
    new = sorted(mounted(user) - there)
    if not (left and new):
        return ""
    return (
        f"{_name(user)} would get the empty volume {', '.join(new)} in place of {', '.join(sorted(left))}: a promote "
        "can't rename a volume. If it shall begin with an empty one, first promote a release without the old one."
    )


def _too_many(user: Object, present: Present) -> str:
    name = _name(user)
    live = next((found for found in present.deployments if _name(found) == name), None)
    if autoscaler := present.autoscaled.get(name, ""):
        return (
            f"{name} has a volume, so at most one process of it may run, and the autoscaler {autoscaler} decides how "
            "many do: first promote a release without a range, or remove that one."
        )
    running = 1 if live is None else live["spec"].get("replicas", 1)
    count = max(running, present.scale.get(name, 0))
    if count <= 1:
        return ""
    return f"{name} has a volume, so at most one process of it may run; {count} are asked for: scale it to 1 first."


def _is_replaced(user: Object, present: Present) -> bool:
    return any(
        _name(found) == _name(user) and found["spec"].get("replicas", 1) and _release(found) != _release(user)
        for found in present.deployments
    )


def _release(deployment: Object) -> str:
    return (deployment["spec"]["template"]["metadata"].get("labels") or {}).get(manifests.RELEASE, "")


def _name(obj: Object) -> str:
    return obj["metadata"]["name"]


def _service(claim: Object) -> str:
    return (claim["metadata"].get("labels") or {}).get(manifests.SERVICE, "")


def _asked(claim: Object) -> str:
    return str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage") or "")


def _bytes(quantity: str) -> Decimal:
    """Of a Kubernetes quantity; of one that is none, nothing."""
    number = quantity.rstrip("KMGTPEik")
    try:
        return Decimal(number) * SUFFIXES[quantity[len(number) :]]
    except (InvalidOperation, KeyError):
        return Decimal(0)
