"""Write to the cluster so that no stranger is harmed and no stale worker gets through.

Every write carries the version just read, and leaves `<rollout number>.<epoch>` on the object: whoever finds a newer
stamp than its own has been taken over from.
"""

import copy
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from releases.clients.cluster import Cluster
from releases.errors import Conflict, FieldConflict, NotFound, Refused, RolloutFailed, Stale
from releases.pipeline import manifests, processes, written
from releases.pipeline.ownership import Own, is_of_run

Object = dict[str, Any]
MANAGER, SCALE_MANAGER = "deployer", "deployer-scale"
# What a release may bring and therefore take away; first what would act on the rest. Volumes are not among them: only a
# person deletes data.
PRUNED = (
    "HorizontalPodAutoscaler",
    "CronJob",
    "Ingress",
    "Deployment",
    "Service",
    "PodDisruptionBudget",
    "Job",
    "Secret",
)
TRIES = 20


@dataclass(frozen=True)
class Writer:
    """A worker's pen for one rollout. `stamp`: (rollout number, epoch)."""

    cluster: Cluster
    namespace: str
    installation: str
    stamp: tuple[int, int]

    def apply(self, obj: Object, *, force: bool = False, count: int | None = None) -> Object:
        """Give `obj` this shape; `count`: the processes of a Deployment that isn't there yet. A volume that is there
        is left as it is.

        Raises Stale, FieldConflict (never with `force`), Refused, RolloutFailed (a stranger's object).
        """
        for _ in range(TRIES):
            live = self._live(obj)
            try:
                return self._create(obj, count) if live is None else self._change(obj, live, force=force)
            except FieldConflict:
                raise
            except Conflict:
                continue  # somebody wrote between our reading and our writing: read again
        raise RolloutFailed(f"{written.words(obj)} keeps changing under our hands.")

    def rescale(self, obj: Object, count: int) -> None:
        """Run `count` processes of the Deployment, if it is there. Raises Stale, RolloutFailed."""
        for _ in range(TRIES):
            live = self._live(obj)
            if live is None or written.count(live) == written.allowed(obj, count):
                return
            self._refuse_stranger(live)
            self._refuse_newer(live)
            with suppress(Conflict):
                self._own_scale(live, written.allowed(obj, count))
                return
        raise RolloutFailed(f"{written.words(obj)} keeps changing under our hands.")

    def unstamped(self, objects: list[Object]) -> list[str]:
        """Which of `objects` are gone, or carry a stamp that is not ours: what a worker that was taken over from made
        over ours in its last moment, since a creation can't be conditional. In words. Raises Stale."""
        found = []
        for obj in objects:
            live = self._live(obj)
            if live is None or not self._is_as_written(obj, live):
                if live is not None:
                    self._refuse_newer(live)
                found.append(written.words(obj))
        return found

    def would_change(self, obj: Object) -> bool:
        """Whether a forced apply of `obj` would change anything but our stamp."""
        live = self._live(obj)
        if live is None or written.is_volume(obj):
            return live is None
        after = self.cluster.apply(self._stamped(obj), manager=MANAGER, force=True, dry_run=True)
        return written.substance(after) != written.substance(live)

    def refuse_strangers(self, objects: list[Object]) -> None:
        """Raises RolloutFailed, naming the object that has one of our names and is not ours."""
        for obj in objects:
            live = self._live(obj)
            if live is not None:
                self._refuse_stranger(live)

    def dry_run(self, objects: list[Object]) -> None:
        """Ask the cluster about all of them without changing any. Raises FieldConflict, Refused."""
        for obj in objects:
            if not written.is_volume(obj) or self._live(obj) is None:
                self.cluster.apply(obj, manager=MANAGER, dry_run=True)

    def delete(self, live: Object) -> bool:
        """Delete exactly the object that was read. False when it has changed since, or is gone. Raises Stale.

        That its controller has noted something in its status is no change: that of an autoscaler never rests.
        """
        kind, read = live["kind"], written.substance(live)
        for _ in range(TRIES):
            self._refuse_newer(live)
            metadata = live["metadata"]
            name, uid, version = metadata["name"], metadata["uid"], metadata["resourceVersion"]
            try:
                return self.cluster.delete(kind, self.namespace, name, uid=uid, resource_version=version)
            except Conflict:
                now = self.cluster.find(kind, self.namespace, name)
            if now is None or now["metadata"]["uid"] != uid or written.substance({**now, "kind": kind}) != read:
                return False
            live = {**now, "kind": kind}
        return False

    def surplus(self, wanted: list[Object], *, kept_secrets: set[str], kinds: Sequence[str] = PRUNED) -> list[Object]:
        """What carries our labels and is not wanted, and the Secrets of releases that nothing may need any more. What
        belongs to a one-off process, or to the app itself, is left alone.

        `kept_secrets`: by name. Raises Stale when somebody newer has written any of it.
        """
        names = {(obj["kind"], obj["metadata"]["name"]) for obj in wanted}
        found = []
        for kind in kinds:
            for item in self._listed(kind):
                name = item["metadata"]["name"]
                kept = (kind, name) in names or (kind == "Secret" and name in kept_secrets)
                apart = written.is_of_timer(item) or written.is_of_app(item) or is_of_run(item)
                if not kept and self.own.is_ours(item) and not apart:
                    found.append({**item, "kind": kind})
                    self._refuse_newer(found[-1])
        return found

    def timer_jobs(self, releases: set[str]) -> list[Object]:
        """What timers have begun of one of these releases and is not over. The rest of them end by themselves."""
        jobs = [job for job in self._listed("Job") if written.is_of_timer(job) and self.own.is_ours(job)]
        running = [job for job in jobs if not written.is_over(job) and "deletionTimestamp" not in job["metadata"]]
        return [{**job, "kind": "Job"} for job in running if processes.release(job) in releases]

    @property
    def own(self) -> Own:
        return Own(self.installation)

    # --- How --------------------------------------------------------------------------------------------------------

    def _live(self, obj: Object) -> Object | None:
        return self.cluster.find(obj["kind"], self.namespace, obj["metadata"]["name"])

    def _is_as_written(self, obj: Object, live: Object) -> bool:
        return self.own.is_ours(live) and (written.is_volume(obj) or written.stamp(live) == self.stamp)

    def _listed(self, kind: str) -> list[Object]:
        """What carries our labels, of a kind that the cluster may not have."""
        try:
            return self.cluster.list_all(kind, self.namespace, labels=manifests.OURS)[0]
        except NotFound:
            return []

    def _create(self, obj: Object, count: int | None) -> Object:
        """With its first scale, which `deployer-scale` then owns too: else our next apply would take it away."""
        body = self._stamped(obj)
        if written.is_volume(obj):  # an apply might write over what somebody has made just now
            return self.cluster.create(body)
        if obj["kind"] != "Deployment":
            return self.cluster.apply(body, manager=MANAGER)
        body["spec"]["replicas"] = written.allowed(obj, 1 if count is None else count)
        return self._own_scale(self.cluster.apply(body, manager=MANAGER), body["spec"]["replicas"])

    def _change(self, obj: Object, live: Object, *, force: bool) -> Object:
        self._refuse_stranger(live)
        self._refuse_newer(live)
        if "deletionTimestamp" in live["metadata"]:  # what is written now would go with it
            raise Refused(f"{written.words(live)} is being deleted by somebody.")
        if written.is_volume(obj):
            return live
        if obj["kind"] == "Deployment":
            count = written.count(live)
            allowed = written.allowed(obj, count)
            if allowed != count or not written.scale_is_shared(live, MANAGER):
                live = self._own_scale(live, allowed)
        return self.cluster.apply(self._stamped(obj, live), manager=MANAGER, force=force)

    def _own_scale(self, live: Object, count: int) -> Object:
        """Of exactly the Deployment that was read: somebody may scale it in this moment. Raises Conflict."""
        metadata = live["metadata"]
        share = manifests.replicas(metadata["name"], self.namespace, count)
        share["metadata"]["resourceVersion"] = metadata["resourceVersion"]
        return self.cluster.apply(share, manager=SCALE_MANAGER, force=True)

    def _stamped(self, obj: Object, live: Object | None = None) -> Object:
        body = copy.deepcopy(obj)
        body["metadata"]["annotations"][manifests.EPOCH] = ".".join(map(str, self.stamp))
        if live is not None:
            body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        return body

    def _refuse_stranger(self, live: Object) -> None:
        if not self.own.is_ours(live):
            here = f"{written.words(live)} in {self.namespace}"
            raise RolloutFailed(f"{here} was not made by this Deployer. Rename the service, or remove it.")

    def _refuse_newer(self, live: Object) -> None:
        stamp = written.stamp(live)
        if stamp > self.stamp:
            raise Stale(f"{written.words(live)} carries the newer stamp {'.'.join(map(str, stamp))}.")


def ensure_namespace(cluster: Cluster, wanted: Object) -> str:
    """Create the namespace if there is none. Gives "" when it is there, else what to wait for.

    Raises RolloutFailed when somebody else's has its name.
    """
    name = wanted["metadata"]["name"]
    live = cluster.find("Namespace", None, name)
    if live is None:
        try:
            cluster.create(wanted)
        except Conflict:
            return f"namespace {name} is being made"
        return ""
    metadata = live["metadata"]
    if live.get("status", {}).get("phase") == "Terminating":
        return f"the former namespace {name} to be gone"
    annotations = metadata.get("annotations") or {}
    if annotations.get(manifests.INSTALLATION) != wanted["metadata"]["annotations"][manifests.INSTALLATION]:
        raise RolloutFailed(f"Namespace {name} was not made by this Deployer: choose another app name, or remove it.")
    return ""
