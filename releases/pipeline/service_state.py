"""What is known of one service while its release is rolled out, and how to read it. Pure."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from releases.pipeline import meaning, processes
from releases.pipeline.processes import Ailment

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
DEFAULT_SHARE = "25%"  # of Kubernetes, for maxSurge and maxUnavailable


@dataclass(frozen=True)
class Rules:
    """Limits for one service: seconds, but `exits`, a number. None: the default of the table."""

    deadline: int
    exits: int
    pull: int | None = None
    start: int | None = None


@dataclass(frozen=True)
class ServiceState:
    """One service as the cluster reports it, with what we remember of it.

    From the answer to our write: `generation`, `desired`, `template` (a digest; "": not known). `seen`: the Deployment
    that we wrote has been reported. `ours`: the containers that we wrote. `first_seen`: ailment or refusal → when first
    seen. `risen_at`: when the highest number of available new processes last rose. `exits_before`: pod uid → exits
    that do not count. `kills`, `kills_before`: pod uid → liveness kills that events tell of since the baseline, and
    those of them before all was complete. `ending`: a process of ours in the namespace is being deleted. `said`: pod
    uid → the cluster's last warning about it.
    """

    name: str
    rules: Rules
    generation: int
    desired: int
    risen_at: datetime
    deployment: Object | None = None
    replica_sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    template: str = ""
    seen: bool = False
    ours: frozenset[str] = processes.OURS
    exits_before: Mapping[str, int] = field(default_factory=dict)
    first_seen: Mapping[str, datetime] = field(default_factory=dict)
    kills: Mapping[str, int] = field(default_factory=dict)
    kills_before: Mapping[str, int] = field(default_factory=dict)
    ending: bool = False
    said: Mapping[str, str] = field(default_factory=dict)


# --- The Deployment -------------------------------------------------------------------------------------------------


def is_complete(service: ServiceState) -> bool:
    """The new processes are all there and available; old ones may still be ending."""
    if service.deployment is None or not is_observed(service):
        return False
    status = processes.status(service.deployment)
    desired = min(service.desired, replicas(service.deployment))
    return (
        (status.get("replicas") or 0) == (status.get("updatedReplicas") or 0)
        and (status.get("readyReplicas") or 0) >= desired
        and (status.get("availableReplicas") or 0) >= desired
    )


def is_ready(service: ServiceState) -> bool:
    """As many new processes as are wanted are ready: what remains is to see that they stay so."""
    if service.deployment is None or not is_observed(service):
        return False
    wanted = min(service.desired, replicas(service.deployment))
    return sum(map(processes.is_ready, new_processes(service))) >= wanted


def is_observed(service: ServiceState) -> bool:
    """False while the Deployment's controller has not seen our write: what runs then is still the old."""
    if service.deployment is None:
        return False
    return (processes.status(service.deployment).get("observedGeneration") or 0) >= service.generation


def replicas(deployment: Object) -> int:
    """How many are asked for; Kubernetes' default is 1."""
    count = (deployment.get("spec") or {}).get("replicas")
    return 1 if count is None else count


def template_digest(deployment: Object) -> str:
    """What tells one pod template from another; the template itself holds values that nobody needs to keep.

    Labels and spec only: an annotation (`kubectl rollout restart` sets one) leaves the release what it is.
    """
    template = (deployment.get("spec") or {}).get("template") or {}
    told = [(template.get("metadata") or {}).get("labels"), template.get("spec")]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() if template else ""


def is_deleted(service: ServiceState) -> bool:
    """The Deployment that we wrote is gone, or on its way: somebody deleted it, or made another in its place."""
    return service.seen if service.deployment is None else processes.is_ending(service.deployment)


def is_paused(service: ServiceState) -> bool:
    deployment = service.deployment
    return deployment is not None and _generation(deployment) >= service.generation and _spec(deployment, "paused")


def is_edited(service: ServiceState) -> bool:
    """Somebody wrote another pod template after us: what is rolled out then is not the release."""
    deployment = service.deployment
    if deployment is None or not service.template or _generation(deployment) <= service.generation:
        return False
    return template_digest(deployment) != service.template


def max_unavailable(service: ServiceState) -> int:
    """As the Deployment's controller resolves it: a share rounded down, and one where both limits come to nothing."""
    deployment = service.deployment or {}
    strategy = (deployment.get("spec") or {}).get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0  # its old processes are gone before the first new one
    rolling = strategy.get("rollingUpdate") or {}
    count = replicas(deployment)
    unavailable = _resolved(rolling.get("maxUnavailable"), count, math.floor)
    surge = _resolved(rolling.get("maxSurge"), count, math.ceil)
    return unavailable if unavailable or surge else 1


# --- Its new processes ----------------------------------------------------------------------------------------------


def current_replica_set(service: ServiceState) -> Object | None:
    """The one with the Deployment's current revision, once the controller has seen our write."""
    if service.deployment is None or not is_observed(service):
        return None
    revision = _revision(service.deployment)
    for replica_set in service.replica_sets:
        if owner(replica_set) == service.deployment["metadata"]["uid"] and _revision(replica_set) == revision:
            return replica_set
    return None


def new_processes(service: ServiceState) -> list[Object]:
    """The pods of that ReplicaSet that are not on their way out."""
    current = current_replica_set(service)
    if current is None:
        return []
    uid = current["metadata"]["uid"]
    return [
        pod for pod in service.pods if owner(pod) == uid and not (processes.is_going(pod) or processes.is_over(pod))
    ]


def available_new(service: ServiceState) -> int:
    current = current_replica_set(service)
    return (processes.status(current).get("availableReplicas") or 0) if current else 0


def ailing(service: ServiceState) -> list[tuple[Object, Ailment]]:
    """The new processes that can't run, with what ails them."""
    found = [(pod, processes.ailment(pod, ours=service.ours)) for pod in new_processes(service)]
    return [(pod, ailment) for pod, ailment in found if ailment]


def ended(service: ServiceState, pod: Object) -> int:
    """How often this process has ended since the baseline; a liveness kill counts before the container has ended."""
    counted = processes.exits(pod, ours=service.ours) - service.exits_before.get(processes.uid(pod), 0)
    return max(counted, service.kills.get(processes.uid(pod), 0))


# --- Quota and admission --------------------------------------------------------------------------------------------


def refusal(service: ServiceState) -> str:
    """The words of the quota or admission that refuses new processes; "" when nothing does."""
    current = current_replica_set(service)
    if current is not None:
        failure = processes.condition(current, "ReplicaFailure")
        refused = failure.get("status") == "True" and failure.get("reason") != "FailedDelete"
    else:  # not even the ReplicaSet could be made
        failure = processes.condition(service.deployment or {}, "Progressing")
        refused = failure.get("status") == "False" and failure.get("reason") == "ReplicaSetCreateError"
    return (failure.get("message") or failure.get("reason") or "") if refused else ""


def is_hopeless(service: ServiceState) -> bool:
    """No room can come of itself: nothing is ending, and no old process will be let go."""
    current = current_replica_set(service)
    if current is None or max_unavailable(service) > 0 or service.ending or any(map(processes.is_ending, service.pods)):
        return False
    uid = current["metadata"]["uid"]
    old = [pod for pod in service.pods if owner(pod) != uid and not processes.is_over(pod)]
    # A new process that becomes available lets an old one go.
    return not (old and new_processes(service))


def ailment_key(pod: Object, ailment: Ailment) -> str:
    return f"{processes.uid(pod)}/{ailment.family}"


def refusal_key(service: str) -> str:
    return f"{service}/refused"


def patience(service: ServiceState, ailment: Ailment) -> float:
    """Seconds that this ailment may last before it dooms."""
    return meaning.patience(ailment, pull=service.rules.pull, start=service.rules.start)


def owner(obj: Object) -> str:
    """The uid of the object that controls it; "" when none does."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")


def _revision(obj: Object) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(REVISION)


def _generation(deployment: Object) -> int:
    return deployment["metadata"].get("generation") or 0


def _spec(deployment: Object, key: str) -> bool:
    return bool((deployment.get("spec") or {}).get(key))


def _resolved(limit: int | str | None, count: int, rounded: Callable[[float], int]) -> int:
    limit = DEFAULT_SHARE if limit is None else limit
    return limit if isinstance(limit, int) else rounded(int(limit.rstrip("%")) * count / 100)
