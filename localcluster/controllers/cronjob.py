"""The cron job controller: starts Jobs at their times (pkg/controller/cronjob, words and order of its Events)."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from localcluster import clock
from localcluster.controllers import owners
from localcluster.controllers import schedule as schedules
from localcluster.controllers.job_progress import final
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.schedule import Schedule, UnknownZone, Unparseable
from localcluster.errors import AlreadyExists, NotFound, StatusError
from localcluster.kubelet import pods
from localcluster.store import events
from localcluster.store.deletion import FAR
from localcluster.store.store import copied

Object = dict[str, Any]

COMPONENT = "cronjob-controller"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
SLACK = 0.1
"""Seconds after its time at which a CronJob is looked at, so that the time is past by any clock."""
LONGEST = 300.0
"""Seconds until it is looked at in any case: a machine may have slept, or its clock been put right."""


class CronJobController(Controller):
    """One CronJob per key."""

    def initial(self) -> Iterable[Key]:
        return [key_of(cron) for cron in self.store.list("CronJob")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "CronJob":
            return [key_of(obj)]
        owner = owners.controller_of(obj) if kind == "Job" else None
        return [(obj["metadata"]["namespace"], owner["name"])] if owner and owner["kind"] == "CronJob" else []

    def reconcile(self, namespace: str, name: str) -> float | None:
        cron = self.store.find("CronJob", namespace, name)
        if cron is None:
            return None
        cron = copied(cron)
        cron.setdefault("status", {})
        jobs = self.store.owned("Job", cron["metadata"]["uid"])
        self._follow(cron, jobs)
        self._forget(cron, [job for job in jobs if final(job)])
        again = None
        try:
            if not pods.is_terminating(cron) and not cron["spec"].get("suspend"):
                again = self._start_due(cron)
        finally:
            self._store_status(cron)
        return again

    # What has become of its Jobs

    def _follow(self, cron: Object, jobs: list[Object]) -> None:
        """Brings status.active and the times of success up to date, in the copy given."""
        status, present = cron["status"], {job["metadata"]["uid"] for job in jobs}
        active = {reference["uid"]: reference for reference in status.get("active") or []}
        for job in jobs:
            uid, name, ended = job["metadata"]["uid"], job["metadata"]["name"], final(job)
            if ended is None:
                if uid not in active:
                    words = f"Saw a job that the controller did not create or forgot: {name}"
                    self._tell(cron, "Warning", "UnexpectedJob", words)
                continue
            if active.pop(uid, None):
                words = f"Saw completed job: {name}, condition: {ended['type']}"
                self._tell(cron, "Normal", "SawCompletedJob", words)
            moment = (job.get("status") or {}).get("completionTime")
            if ended["type"] == "Complete" and moment and moment > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = moment
        for uid, reference in list(active.items()):
            if uid not in present:
                self._tell(cron, "Normal", "MissingJob", f"Active job went missing: {reference['name']}")
                del active[uid]
        _put_active(status, list(active.values()))

    def _forget(self, cron: Object, ended: list[Object]) -> None:
        """Deletes the oldest ended Jobs beyond the limits."""
        for type_, limit in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
            kept = cron["spec"].get(limit)
            found = [job for job in ended if (final(job) or {})["type"] == type_ and not pods.is_terminating(job)]
            found.sort(key=lambda job: ((job.get("status") or {}).get("startTime") or "", job["metadata"]["name"]))
            for job in found[: max(0, len(found) - kept)] if kept is not None else []:
                self._delete(cron, job)

    def _delete(self, cron: Object, job: Object) -> None:
        try:
            self.store.delete("Job", *key_of(job), uid=job["metadata"]["uid"])
        except NotFound:
            return
        self._tell(cron, "Normal", "SuccessfulDelete", f"Deleted job {job['metadata']['name']}")

    # What is due

    def _start_due(self, cron: Object) -> float | None:
        """Starts the Job of the latest time that is past; gives the seconds until the next time."""
        found = self._parsed(cron)
        if found is None:
            return None
        now = datetime.now(UTC)
        due = self._latest_due(cron, found, now)
        upcoming = found.next_after(now)
        again = min((upcoming - now).total_seconds() + SLACK, LONGEST) if upcoming else None
        if due is None or cron["status"].get("lastScheduleTime") == clock.stamp(due):
            return again
        deadline = _deadline(cron)
        if deadline is not None and due + deadline < now:
            words = f"Missed scheduled time to start a job: {due:%a, %d %b %Y %H:%M:%S} +0000"
            self._tell(cron, "Warning", "MissSchedule", words)
        elif self._makes_room(cron):
            self._start(cron, found, due)
        return again

    def _parsed(self, cron: Object) -> Schedule | None:
        expression, zone = cron["spec"].get("schedule", ""), cron["spec"].get("timeZone")
        try:
            return schedules.parse(expression, zone)
        except UnknownZone as error:
            self._tell(cron, "Warning", "UnknownTimeZone", f'invalid timeZone: "{zone}": {error}')
        except Unparseable as error:
            self._tell(cron, "Warning", "UnparseableSchedule", f'unparseable schedule: "{expression}" : {error}')
        return None

    def _latest_due(self, cron: Object, found: Schedule, now: datetime) -> datetime | None:
        earliest = clock.parse(cron["status"].get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
        deadline = _deadline(cron)
        if deadline is not None:
            earliest = max(earliest, now - deadline)
        due, many = schedules.missed(found, earliest, now)
        if many:
            words = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._tell(cron, "Warning", "TooManyMissedTimes", words)
        return due

    def _makes_room(self, cron: Object) -> bool:
        """Whether the policy lets another Job start; Replace deletes those that run."""
        policy, active = cron["spec"].get("concurrencyPolicy"), cron["status"].get("active") or []
        if policy == "Forbid" and active:
            words = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._tell(cron, "Normal", "JobAlreadyActive", words)
            return False
        if policy == "Replace":
            for reference in active:
                job = self.store.find("Job", cron["metadata"]["namespace"], reference["name"])
                if job:
                    self._delete(cron, job)
            _put_active(cron["status"], [])
        return True

    def _start(self, cron: Object, found: Schedule, due: datetime) -> None:
        body = build(cron, due, found)
        try:
            job = self.store.create("Job", body)
            self._tell(cron, "Normal", "SuccessfulCreate", f"Created job {job['metadata']['name']}")
        except AlreadyExists:
            # Made before the last end of this process, which came before the status was written.
            job = self.store.get("Job", *key_of(body))
            if not owners.is_controlled_by(job, cron):
                raise
        except StatusError as refusal:
            self._tell(cron, "Warning", "FailedCreate", f"Error creating job: {refusal.message}")
            raise
        active = cron["status"].get("active") or []
        if not final(job) and job["metadata"]["uid"] not in [reference["uid"] for reference in active]:
            _put_active(cron["status"], [*active, reference_to(job)])
        cron["status"]["lastScheduleTime"] = clock.stamp(due)

    def _store_status(self, cron: Object) -> None:
        def change(copy: Object) -> None:
            if copy["metadata"]["uid"] == cron["metadata"]["uid"]:
                copy["status"] = cron["status"]

        self.store.patch_status("CronJob", *key_of(cron), change)

    def _tell(self, cron: Object, type_: str, reason: str, message: str) -> None:
        events.record(self.store, cron, type_, reason, message, COMPONENT)


def _deadline(cron: Object) -> timedelta | None:
    """How late a Job may be started; no longer than what can be counted from any day."""
    seconds = cron["spec"].get("startingDeadlineSeconds")
    return None if seconds is None else timedelta(seconds=min(seconds, FAR))


def build(cron: Object, due: datetime, found: Schedule) -> Object:
    """The Job for one time; its name says which, so that no time is run twice."""
    template = copied(cron["spec"]["jobTemplate"])
    given = template.get("metadata") or {}
    moment = due.astimezone(found.zone).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}",
            "namespace": cron["metadata"]["namespace"],
            **({"labels": given["labels"]} if given.get("labels") else {}),
            "annotations": {**(given.get("annotations") or {}), SCHEDULED: moment},
            "ownerReferences": [owners.reference(cron)],
        },
        "spec": template["spec"],
    }


def reference_to(job: Object) -> Object:
    """An ObjectReference for status.active."""
    meta = job["metadata"]
    return {
        "kind": "Job",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": "batch/v1",
        "resourceVersion": meta["resourceVersion"],
    }


def _put_active(status: Object, active: list[Object]) -> None:
    status.pop("active", None)
    if active:
        status["active"] = active
