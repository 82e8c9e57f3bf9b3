"""What of a namespace is ours: made by this installation, or by the cluster from what this installation made.

A label alone proves nothing: anybody may set it, and another Deployer sets the same. What is not ours is never read
into a verdict, changed or deleted.
"""

from dataclasses import dataclass
from typing import Any

from releases.clients.mirror import View
from releases.pipeline import manifests

Object = dict[str, Any]


@dataclass(frozen=True)
class Own:
    """Sorts the objects of an installation from those of strangers."""

    installation: str

    def is_ours(self, obj: Object) -> bool:
        """Of something that we write ourselves."""
        metadata = obj["metadata"]
        labelled = (metadata.get("labels") or {}).get(manifests.MANAGED_BY) == manifests.MANAGER
        return labelled and self._installation(obj) == self.installation

    def deployments(self, objects: list[Object]) -> list[Object]:
        return [obj for obj in objects if self.is_ours(obj)]

    def replica_sets(self, objects: list[Object], deployments: list[Object]) -> list[Object]:
        """Those of `deployments`; and those whose Deployment is gone, which are on their way out."""
        ours = {obj["metadata"]["uid"] for obj in deployments}
        return [obj for obj in objects if controller(obj, "Deployment") in ours or self._is_orphan(obj)]

    def pods(self, objects: list[Object], replica_sets: list[Object]) -> list[Object]:
        """Those of `replica_sets`."""
        ours = {obj["metadata"]["uid"] for obj in replica_sets}
        return [obj for obj in objects if controller(obj, "ReplicaSet") in ours]

    def of_runs(self, jobs: list[Object]) -> list[Object]:
        """Those of one-off processes."""
        return [job for job in jobs if self.is_ours(job) and is_of_run(job)]

    def view(self, view: View) -> View:
        """What is ours of all that a namespace holds, but for what timers and people have begun with a command: that
        is no part of a rollout. Events stay: they are told by the uid of their object."""
        deployments = self.deployments(view.deployments)
        replica_sets = self.replica_sets(view.replica_sets, deployments)
        jobs = [job for job in view.jobs if self.is_ours(job) and not controller(job, "CronJob") and not is_of_run(job)]
        makers = {job["metadata"]["uid"] for job in jobs}
        of_jobs = [pod for pod in view.pods if controller(pod, "Job") in makers]
        return View(deployments, replica_sets, self.pods(view.pods, replica_sets) + of_jobs, jobs, view.events)

    def timer_pods(self, view: View) -> list[Object]:
        """The pods that run what timers have begun."""
        makers = {job["metadata"]["uid"] for job in view.jobs if self.is_ours(job) and controller(job, "CronJob")}
        return [pod for pod in view.pods if controller(pod, "Job") in makers]

    def _is_orphan(self, replica_set: Object) -> bool:
        """The cluster gives a ReplicaSet the annotations of its Deployment."""
        return bool(controller(replica_set, "Deployment")) and self.is_ours(replica_set)

    def _installation(self, obj: Object) -> str | None:
        return (obj["metadata"].get("annotations") or {}).get(manifests.INSTALLATION)


def is_of_run(obj: Object) -> bool:
    """A one-off process, or what belongs to it: it comes and goes by itself."""
    return manifests.RUN in (obj["metadata"].get("labels") or {})


def controller(obj: Object, kind: str) -> str:
    """The uid of the `kind` that made it; "" when none did."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller") and owner.get("kind") == kind), "")
