"""The job controller: runs pods until enough have succeeded or too many have failed (recordings job-*)."""

from collections.abc import Iterable
from typing import Any

from localcluster import clock
from localcluster.controllers import conditions, job_progress, owners
from localcluster.controllers.job_progress import TRACKING, Tally, Verdict, condition, final
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.replicaset import BURST, deletion_order, pod_from
from localcluster.controllers.surroundings import Surroundings
from localcluster.errors import NotFound, StatusError
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.store import Store, copied

Object = dict[str, Any]

COMPONENT = "job-controller"
MANAGER = "kubernetes.io/job-controller"
NAME_LABEL = "batch.kubernetes.io/job-name"
SUSPENDED: Verdict = ("JobSuspended", "Job suspended")
RESUMED: Verdict = ("JobResumed", "Job resumed")


class JobController(Controller):
    """One Job per key."""

    def __init__(self, store: Store, surroundings: Surroundings) -> None:
        super().__init__(store)
        self.first_backoff = surroundings.first_backoff

    def initial(self) -> Iterable[Key]:
        jobs = [key_of(job) for job in self.store.list("Job")]
        return jobs + [key for pod in self.store.list("Pod") for key in self.concerns("Pod", pod)]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Job":
            return [key_of(obj)]
        if kind != "Pod":
            return []
        owner, namespace = owners.controller_of(obj), obj["metadata"]["namespace"]
        if owner:
            return [(namespace, owner["name"])] if owner["kind"] == "Job" else []
        # Cut loose from its Job, it must still be let go.
        return [(namespace, _labels(obj).get(NAME_LABEL, ""))] if job_progress.is_tracked(obj) else []

    def reconcile(self, namespace: str, name: str) -> float | None:
        job = self.store.find("Job", namespace, name)
        self._free_strays(job, namespace, name)
        if job is None or job["spec"].get("managedBy", MANAGER) != MANAGER:
            return None
        found = self._tally(job)
        if pods.is_terminating(job) or final(job):
            self._free([pod for pod in found.pods if not pods.is_active(pod)])
            return self._expire(job)
        verdict, succeeded = job_progress.judge(job, found)
        if verdict:
            self._wind_down(job, found, verdict, succeeded=succeeded)
            return None
        return self._go_on(job, found)

    def _tally(self, job: Object) -> Tally:
        return job_progress.tally(job, owners.pods_of(self.store, job))

    def _go_on(self, job: Object, found: Tally) -> float | None:
        """Starts what is missing and counts what has ended; gives the seconds until there is more to do."""
        refusal: StatusError | None = None
        wait = job_progress.backoff_left(found, self.first_backoff)
        number = job_progress.missing(job, found)
        if number < 0:
            self._delete(job, deletion_order(found.active)[:-number])
        elif number and not wait:
            refusal = self._create(job, min(number, BURST))
        self._count(job, None)
        if refusal:
            raise refusal
        times = [wait if number > 0 else 0.0, job_progress.deadline_left(self.store.get("Job", *key_of(job)))]
        return min((seconds for seconds in times if seconds), default=None)

    def _create(self, job: Object, number: int) -> StatusError | None:
        """Gives the refusal that stopped it."""
        for _ in range(number):
            pod = pod_from(job)
            pod["metadata"]["finalizers"] = [TRACKING]
            try:
                created = self.store.create("Pod", pod)
            except StatusError as refusal:
                self._tell(job, "Warning", "FailedCreate", f"Error creating: {refusal.message}")
                return refusal
            self._tell(job, "Normal", "SuccessfulCreate", f"Created pod: {created['metadata']['name']}")
        return None

    def _delete(self, job: Object, doomed: list[Object]) -> None:
        for pod in doomed:
            try:
                self.store.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])
            except NotFound:
                continue
            self._tell(job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")

    def _wind_down(self, job: Object, found: Tally, verdict: Verdict, *, succeeded: bool) -> None:
        """Says how it ends, deletes what runs, and, once nothing runs any more, says that it has ended."""
        self._delete(job, found.active)
        noted = condition("SuccessCriteriaMet" if succeeded else "FailureTarget", verdict)
        if not self._count(job, noted, condition("Complete" if succeeded else "Failed", verdict)):
            return
        words = ("Normal", "Completed", "Job completed") if succeeded else ("Warning", *verdict)
        self._tell(job, *words)

    def _count(self, job: Object, noted: Object | None, last: Object | None = None) -> bool:
        """Counts ended pods exactly once, wherever it is interrupted: noted, freed of the finalizer, counted.

        `noted` is a condition to note first, `last` the one that ends the Job; gives whether it was put.
        """
        job = self.store.get("Job", *key_of(job))
        found, said = self._tally(job), self._suspension(job)

        def note(copy: Object) -> None:
            status = copy["status"]
            for wanted in (noted, said):
                if wanted:
                    conditions.put(status, wanted)
            resumed = said is not None and said["status"] == "False"
            if resumed or ("startTime" not in status and not copy["spec"].get("suspend")):
                status["startTime"] = clock.now()
            status["uncountedTerminatedPods"] = {name: sorted(uids) for name, uids in found.uncounted.items() if uids}
            job_progress.put_counts(status, found)

        def count(copy: Object) -> None:
            status = copy["status"]
            for name, uids in status["uncountedTerminatedPods"].items():
                status[name] = status.get(name, 0) + len(uids)
            status["uncountedTerminatedPods"] = {}
            if ends and last:
                conditions.put(status, last)
                if last["type"] == "Complete":
                    status["completionTime"] = clock.now()

        ends = last is not None and not found.terminating
        self.store.patch_status("Job", *key_of(job), note)
        self._free([pod for pod in found.pods if job_progress.has_ended(job, pod)])
        self.store.patch_status("Job", *key_of(job), count)
        if said:
            reason = "Suspended" if said["status"] == "True" else "Resumed"
            self._tell(job, "Normal", reason, said["message"])
        return ends

    def _suspension(self, job: Object) -> Object | None:
        """The condition Suspended, if it changes now; one that was never suspended has none."""
        current = conditions.find(job.get("status") or {}, "Suspended")
        was, suspended = bool(current and current["status"] == "True"), bool(job["spec"].get("suspend"))
        if was == suspended:
            return None
        return condition("Suspended", SUSPENDED) if suspended else condition("Suspended", RESUMED, "False")

    def _free(self, found: list[Object]) -> None:
        for pod in found:
            current = self.store.find("Pod", *key_of(pod))
            same = current and current["metadata"]["uid"] == pod["metadata"]["uid"]
            if current and same and job_progress.is_tracked(current):
                freed = copied(current)
                owners.let_go(freed, TRACKING)
                self.store.update("Pod", freed)

    def _free_strays(self, job: Object | None, namespace: str, name: str) -> None:
        """Pods of a Job of this name that is gone, or that let them go, may go too."""
        strays = [
            pod
            for pod in self.store.unowned("Pod", namespace)
            if job_progress.is_tracked(pod) and _labels(pod).get(NAME_LABEL, "") == name
        ]
        if job is None or "startTime" not in (job.get("status") or {}):
            for pod in self.store.list("Pod", namespace):
                owner = owners.controller_of(pod)
                if owner and (owner["kind"], owner["name"]) == ("Job", name):
                    strays += [pod] if job is None or owner["uid"] != job["metadata"]["uid"] else []
        self._free(strays)

    def _expire(self, job: Object) -> float | None:
        lifetime = job["spec"].get("ttlSecondsAfterFinished")
        ended = final(job)
        if lifetime is None or not ended or pods.is_terminating(job):
            return None
        left = lifetime - job_progress.seconds_since(ended["lastTransitionTime"])
        if left > 0:
            return float(left)
        self.store.delete("Job", *key_of(job), uid=job["metadata"]["uid"], propagation="Foreground")
        return None

    def _tell(self, job: Object, type_: str, reason: str, message: str) -> None:
        events.record(self.store, job, type_, reason, message, COMPONENT)


def _labels(pod: Object) -> dict[str, str]:
    return pod["metadata"].get("labels") or {}
