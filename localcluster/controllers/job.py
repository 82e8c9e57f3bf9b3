"""The job controller: runs pods until enough have succeeded or too many have failed (recordings job-*)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from localcluster import clock
from localcluster.controllers import conditions, owners
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.replicaset import pod_from
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.store import copied

Object = dict[str, Any]
Verdict = tuple[str, str]
"""Reason and message of the final conditions."""

COMPONENT = "job-controller"
TRACKING = "batch.kubernetes.io/job-tracking"
FIRST_BACKOFF, LAST_BACKOFF = 10, 600
COMPLETE: Verdict = ("CompletionsReached", "Reached expected number of succeeded pods")
LATE: Verdict = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF: Verdict = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


class JobController(Controller):
    """One Job per key."""

    def initial(self) -> Iterable[Key]:
        jobs = [key_of(job) for job in self.store.list("Job")]
        return jobs + [key for pod in self.store.list("Pod") for key in self.concerns("Pod", pod)]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Job":
            return [key_of(obj)]
        owner = owners.controller_of(obj) if kind == "Pod" else None
        return [(obj["metadata"]["namespace"], owner["name"])] if owner and owner["kind"] == "Job" else []

    def reconcile(self, namespace: str, name: str) -> float | None:
        job = self.store.find("Job", namespace, name)
        self._free_strays(job, namespace, name)
        if job is None:
            return None
        mine = [pod for pod in self.store.list("Pod", namespace) if owners.is_controlled_by(pod, job)]
        if pods.is_terminating(job) or final(job):
            self._free([pod for pod in mine if not pods.is_active(pod)])
            return self._expire(job)
        if (job["spec"].get("suspend")) and not [pod for pod in mine if pods.is_active(pod)]:
            return None
        verdict, succeeded = judge(job, mine)
        if verdict:
            self._wind_down(job, mine, verdict, succeeded=succeeded)
            return None
        return self._go_on(job, mine)

    def _go_on(self, job: Object, mine: list[Object]) -> float | None:
        """Counts what has ended, and starts what is missing; gives the seconds until there is more to do."""
        self._count(job, mine, None)
        job = self.store.get("Job", *key_of(job))
        active = [pod for pod in mine if pods.is_active(pod)]
        done = job["status"].get("succeeded", 0)
        wanted = min(job["spec"].get("parallelism", 1), completions(job) - done)
        wait = backoff_left(job, mine)
        if len(active) < wanted and not wait:
            for _ in range(wanted - len(active)):
                self._create(job)
            fresh = self.store.list("Pod", job["metadata"]["namespace"])
            self._count(job, [pod for pod in fresh if owners.is_controlled_by(pod, job)], None)
        times = [seconds for seconds in (wait, deadline_left(job)) if seconds]
        return min(times, default=None)

    def _create(self, job: Object) -> None:
        pod = pod_from(job)
        pod["metadata"]["finalizers"] = [TRACKING]
        created = self.store.create("Pod", pod)
        message = f"Created pod: {created['metadata']['name']}"
        events.record(self.store, job, "Normal", "SuccessfulCreate", message, COMPONENT)

    def _wind_down(self, job: Object, mine: list[Object], verdict: Verdict, *, succeeded: bool) -> None:
        """Says how it ends, deletes what runs, and, once nothing runs any more, says that it has ended."""
        for pod in mine:
            if pods.is_active(pod):
                self.store.delete("Pod", *key_of(pod), uid=pod["metadata"]["uid"])
                message = f"Deleted pod: {pod['metadata']['name']}"
                events.record(self.store, job, "Normal", "SuccessfulDelete", message, COMPONENT)
        namespace = job["metadata"]["namespace"]
        mine = [pod for pod in self.store.list("Pod", namespace) if owners.is_controlled_by(pod, job)]
        self._count(job, mine, _condition("SuccessCriteriaMet" if succeeded else "FailureTarget", verdict))
        if any(pods.is_terminating(pod) and not pods.is_finished(pod) for pod in mine):
            return

        def finish(copy: Object) -> None:
            conditions.put(copy["status"], _condition("Complete" if succeeded else "Failed", verdict))
            if succeeded:
                copy["status"]["completionTime"] = clock.now()

        self.store.patch_status("Job", *key_of(job), finish)
        words = ("Normal", "Completed", "Job completed") if succeeded else ("Warning", *verdict)
        events.record(self.store, job, *words, COMPONENT)

    def _count(self, job: Object, mine: list[Object], condition: Object | None) -> None:
        """Counts ended pods exactly once, wherever it is interrupted: noted, freed of the finalizer, counted."""

        def note(copy: Object) -> None:
            status = copy["status"]
            if condition:
                conditions.put(status, condition)
            status.setdefault("startTime", clock.now())
            found = uncounted(job, mine)
            status["uncountedTerminatedPods"] = {name: sorted(uids) for name, uids in found.items() if uids}
            _put_counts(status, mine)

        def count(copy: Object) -> None:
            status = copy["status"]
            for name, uids in status["uncountedTerminatedPods"].items():
                status[name] = status.get(name, 0) + len(uids)
            status["uncountedTerminatedPods"] = {}

        job = self.store.get("Job", *key_of(job))
        self.store.patch_status("Job", *key_of(job), note)
        self._free([pod for pod in mine if not pods.is_active(pod)])
        self.store.patch_status("Job", *key_of(job), count)

    def _free(self, found: list[Object]) -> None:
        for pod in found:
            current = self.store.find("Pod", *key_of(pod))
            if current and _is_tracked(current) and current["metadata"]["uid"] == pod["metadata"]["uid"]:
                freed = copied(current)
                freed["metadata"]["finalizers"].remove(TRACKING)
                self.store.update("Pod", freed)

    def _free_strays(self, job: Object | None, namespace: str, name: str) -> None:
        """Pods of a Job of this name that is gone may go too."""
        strays = []
        for pod in self.store.list("Pod", namespace):
            owner = owners.controller_of(pod)
            of_that_name = owner and (owner["kind"], owner["name"]) == ("Job", name)
            if owner and of_that_name and (job is None or owner["uid"] != job["metadata"]["uid"]):
                strays.append(pod)
        self._free(strays)

    def _expire(self, job: Object) -> float | None:
        lifetime = job["spec"].get("ttlSecondsAfterFinished")
        ended = final(job)
        if lifetime is None or not ended or pods.is_terminating(job):
            return None
        left = lifetime - _seconds_since(ended["lastTransitionTime"])
        if left > 0:
            return left
        self.store.delete("Job", *key_of(job), uid=job["metadata"]["uid"])
        return None


def completions(job: Object) -> int:
    return int(job["spec"].get("completions") or job["spec"].get("parallelism", 1))


def final(job: Object) -> Object | None:
    """The condition that ended it."""
    status = job.get("status") or {}
    return conditions.find(status, "Complete") or conditions.find(status, "Failed")


def judge(job: Object, mine: list[Object]) -> tuple[Verdict | None, bool]:
    """How the Job ends, if it does, and whether that is a success. A verdict once noted stands."""
    status = job.get("status") or {}
    for type_, succeeded in (("SuccessCriteriaMet", True), ("FailureTarget", False)):
        noted = conditions.find(status, type_)
        if noted:
            return (noted["reason"], noted["message"]), succeeded
    ended = uncounted(job, mine)
    failed = status.get("failed", 0) + len(ended["failed"])
    if failed > job["spec"].get("backoffLimit", 6) or _restarts_exceed(job, mine):
        return BACKOFF, False
    if deadline_left(job) == 0:
        return LATE, False
    if status.get("succeeded", 0) + len(ended["succeeded"]) >= completions(job):
        return COMPLETE, True
    return None, False


def _restarts_exceed(job: Object, mine: list[Object]) -> bool:
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    statuses = [(pod.get("status") or {}).get("containerStatuses") or [] for pod in mine if pods.is_active(pod)]
    restarts = sum(container.get("restartCount", 0) for found in statuses for container in found)
    limit = job["spec"].get("backoffLimit", 6)
    return restarts > 0 if limit == 0 else restarts >= limit


def deadline_left(job: Object) -> float | None:
    """Seconds until activeDeadlineSeconds have passed, at least 0; None without a deadline or a start."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    started = (job.get("status") or {}).get("startTime")
    if seconds is None or not started:
        return None if seconds is None else float(seconds)
    return max(0.0, seconds - _seconds_since(started))


def backoff_left(job: Object, mine: list[Object]) -> float:
    """Seconds until the next pod may be made: 10 after the first failure, then twice as long each time."""
    failures = (job.get("status") or {}).get("failed", 0)
    ends = [end for pod in mine if pods.phase(pod) == "Failed" for end in _ends(pod)]
    if not failures or not ends:
        return 0
    delay = min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** (failures - 1))
    return max(0.0, delay - _seconds_since(max(ends)))


def _ends(pod: Object) -> list[str]:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    states = [(status.get("state") or {}).get("terminated") for status in statuses]
    return [state["finishedAt"] for state in states if state]


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - clock.parse(moment)).total_seconds()


def _is_tracked(pod: Object) -> bool:
    return TRACKING in (pod["metadata"].get("finalizers") or [])


def uncounted(job: Object, mine: list[Object]) -> dict[str, set[str]]:
    """The uids of ended pods that are not in the counts yet, by `succeeded` and `failed`."""
    noted = (job.get("status") or {}).get("uncountedTerminatedPods") or {}
    found = {name: set(noted.get(name) or []) for name in ("succeeded", "failed")}
    for pod in mine:
        if not pods.is_active(pod) and _is_tracked(pod):
            found["succeeded" if pods.phase(pod) == "Succeeded" else "failed"].add(pod["metadata"]["uid"])
    return found


def _put_counts(status: Object, mine: list[Object]) -> None:
    active = sum(pods.is_active(pod) for pod in mine)
    status["active"] = active
    if not active:
        del status["active"]
    status["terminating"] = sum(pods.is_terminating(pod) and not pods.is_finished(pod) for pod in mine)
    status["ready"] = sum(pods.is_ready(pod) and pods.is_active(pod) for pod in mine)


def _condition(type_: str, verdict: Verdict) -> Object:
    now = clock.now()
    return {
        "type": type_,
        "status": "True",
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": verdict[0],
        "message": verdict[1],
    }
