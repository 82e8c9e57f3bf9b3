"""Where localcluster differs from the recordings of a real cluster, and must.

test_conformance.py fails for a difference in a trajectory that is not listed, and for an entry that is not needed.
"""

from tests.localcluster.conformance.allowances import Difference

TRAJECTORIES = [
    Difference(
        "There are no service account tokens, so no volume with one is added to pods.",
        role="Pod .*",
        facet="fields",
        recorded=r".*kube-api-access-<random>.*",
    ),
    Difference(
        "An image is a folder of this machine: it need not be pulled.",
        scenario="first-deploy|rolling-update",
        role="Pod .*",
        facet="events of kubelet|repeats",
        recorded=r"Normal Pulling: .*",
    ),
    Difference(
        "An image is a folder of this machine: it is there, and nobody measures it.",
        scenario="first-deploy|rolling-update",
        role="Pod .*",
        facet="events of kubelet|repeats",
        recorded=r"Normal Pulled: Successfully pulled (image \"\S+\") in .* bytes\.(.*)",
        becomes=r"Normal Pulled: Container \1 already present on machine and can be accessed by the pod\2",
    ),
    Difference(
        "The largest number of cgroup v1, which the recorded kubelet takes for a limit; there are no cgroups here.",
        scenario="job-.*",
        role="Pod of Job migrate",
        facet="fields",
        recorded="status.resources.limits.memory = 9007199254740988Ki",
    ),
    Difference(
        "A slice's last write may or may not have been triggered by a pod; which comes last is chance.",
        scenario="(?!first-deploy).*",
        role="EndpointSlice .*",
        facet="fields",
        recorded="metadata.annotations.endpoints.kubernetes.io/last-change-trigger-time = <time>",
        ours="metadata.annotations.endpoints.kubernetes.io/last-change-trigger-time = <time>",
    ),
    Difference(
        "The recorded scheduler tried again when other scenarios' pods ended; here others leave it alone.",
        scenario="unschedulable",
        role="Pod .*",
        facet="event fields of default-scheduler",
        recorded=r"series\..*",
    ),
    Difference(
        "The recorded scheduler tried again when other scenarios' pods ended; here others leave it alone.",
        scenario="unschedulable",
        role="Pod .*",
        facet="repeats",
        recorded="(Warning FailedScheduling: .*): several Events, once",
        becomes=r"\1: one Event, once",
    ),
    Difference(
        "Two pods that are killed again and again do so independently: how they overlap is chance.",
        scenario="liveness-failing",
        role="Deployment web|ReplicaSet <rs 2>",
        facet="readyReplicas|availableReplicas|unavailableReplicas",
        recorded=".*",
        ours=".*",
    ),
    Difference(
        "By chance the recorded controller's first look counted the new pod, which it takes for no progress.",
        scenario="config-error",
        role="Deployment web",
        facet="condition Progressing",
        ours='True ReplicaSetUpdated ReplicaSet "<rs 2>" is progressing.',
    ),
]
"""What differs in a scenario that is played."""

_MOMENT = (
    "The controllers write at the same time: what stands in the status and its annotation is that of a moment, "
    "and ours are faster."
)
_ONE_USER = "There is one user and there are no roles: who may do nothing here is the stranger, system:anonymous."

ANSWERS: dict[str, dict[str, str]] = {
    "200-ssa-force": {"metadata.annotations": _MOMENT, "status": _MOMENT},
    "200-scale-by-kubectl-scale": {"status.replicas": _MOMENT},
    "200-update-by-kubectl-edit": {"metadata.annotations": _MOMENT, "status": _MOMENT},
    "200-ssa-managedFields": {"metadata.annotations": _MOMENT, "status": _MOMENT},
    "200-namespace-terminating-conditions": {"status.conditions": _MOMENT},
    "ssa-managedfields": {"kube-controller-manager": _MOMENT},
    **{
        f"403-sa-{name}": {"the user's name": _ONE_USER}
        for name in (
            "get-deployment", "list-deployments", "watch-pods", "patch-deployment", "pod-log", "cluster-scope",
            "patch-scale",
        )
    },
}  # fmt: skip
"""What differs of the answer to one recorded request (`errors.jsonl` and its like): the field, and why."""
