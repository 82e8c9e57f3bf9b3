"""The deployment controller: moves processes from one ReplicaSet to the next (pkg/controller/deployment)."""

from collections.abc import Iterable
from typing import Any

from localcluster.controllers import conditions, owners, progress, revisions, rolling
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.sizes import Sizes, limits, numbers, size, strategy
from localcluster.errors import AlreadyExists
from localcluster.kubelet import pods
from localcluster.store.selectors import Selector
from localcluster.store.store import Store, copied

Object = dict[str, Any]


class DeploymentController(Controller):
    """One Deployment per key."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.sizes = Sizes(store)

    def initial(self) -> Iterable[Key]:
        return [key_of(deployment) for deployment in self.store.list("Deployment")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        if kind == "Deployment":
            return [key_of(obj)]
        if kind not in ("ReplicaSet", "Pod"):
            return []
        owner = owners.controller_of(obj)
        if kind == "Pod" and owner and owner["kind"] == "ReplicaSet":
            rs = self.store.find("ReplicaSet", obj["metadata"]["namespace"], owner["name"])
            owner = owners.controller_of(rs) if rs else None
        if owner and owner["kind"] == "Deployment":
            return [(obj["metadata"]["namespace"], owner["name"])]
        return []

    def reconcile(self, namespace: str, name: str) -> float | None:
        deployment = self.store.find("Deployment", namespace, name)
        if deployment is None:
            return None
        sets = self._sets(deployment)
        if pods.is_terminating(deployment):
            self._write_status(deployment, sets)
            return None
        deployment = self._note_pause(deployment)
        if deployment["spec"].get("paused") or self.sizes.is_scaled(deployment, sets):
            new = self._find_set(deployment, sets)
            self.sizes.scale(deployment, self._sets(deployment), new)
            self._write_status(deployment, self._sets(deployment))
            return None
        if strategy(deployment) == "Recreate":
            self._recreate(deployment, sets)
        else:
            self._roll(deployment, sets)
        deployment = self.store.get("Deployment", namespace, name)
        sets = self._sets(deployment)
        if progress.is_complete(deployment, deployment.get("status") or {}):
            self._forget_old(deployment, sets)
        return self._write_progress(deployment, sets)

    def _sets(self, deployment: Object) -> list[Object]:
        """The ReplicaSets that it owns; those that match its selector and have no owner are adopted."""
        owned = self.store.owned("ReplicaSet", deployment["metadata"]["uid"])
        found = [rs for rs in owned if owners.is_controlled_by(rs, deployment)]
        for rs in self.store.unowned("ReplicaSet", deployment["metadata"]["namespace"]):
            if self._may_adopt(deployment, rs):
                mine = copied(rs)
                mine["metadata"]["ownerReferences"] = [owners.reference(deployment)]
                found.append(self.store.update("ReplicaSet", mine))
        return sorted(found, key=lambda rs: str(rs["metadata"]["name"]))

    def _may_adopt(self, deployment: Object, rs: Object) -> bool:
        if pods.is_terminating(deployment) or pods.is_terminating(rs):
            return False
        selector = deployment["spec"].get("selector")
        return bool(selector) and Selector.of(selector).matches(rs["metadata"].get("labels"))

    # Rolling

    def _roll(self, deployment: Object, sets: list[Object]) -> None:
        new = self._ensure_set(deployment, sets)
        bounds = limits(deployment)
        everything = self._sets(deployment)
        wanted = rolling.new_size(numbers(new), [numbers(rs) for rs in everything], bounds)
        if self.sizes.resize(deployment, new, wanted):
            return
        old = [rs for rs in everything if rs["metadata"]["uid"] != new["metadata"]["uid"] and size(rs) > 0]
        sizes = rolling.old_sizes([numbers(rs) for rs in old], numbers(new), bounds)
        for rs in sorted(old, key=lambda rs: rs["metadata"]["creationTimestamp"]):
            if rs["metadata"]["name"] in sizes:
                self.sizes.resize(deployment, rs, sizes[rs["metadata"]["name"]])

    def _recreate(self, deployment: Object, sets: list[Object]) -> None:
        new = self._find_set(deployment, sets)
        old = [rs for rs in sets if new is None or rs["metadata"]["uid"] != new["metadata"]["uid"]]
        active = [rs for rs in old if size(rs) > 0]
        for rs in active:
            self.sizes.resize(deployment, rs, 0)
        if active:
            return
        if self._still_running(old):
            return
        new = self._ensure_set(deployment, sets)
        self.sizes.resize(deployment, new, deployment["spec"].get("replicas", 1))

    def _still_running(self, old: list[Object]) -> bool:
        if any((rs.get("status") or {}).get("replicas", 0) for rs in old):
            return True
        return any(not pods.is_finished(pod) for rs in old for pod in owners.pods_of(self.store, rs))

    def _ensure_set(self, deployment: Object, sets: list[Object]) -> Object:
        """The ReplicaSet of the present template, which is made if need be."""
        return self._find_set(deployment, sets) or self._create(deployment, sets, _newest_revision(sets) + 1)

    def _find_set(self, deployment: Object, sets: list[Object]) -> Object | None:
        """The ReplicaSet of the present template, with its revision brought up to date; None if there is none."""
        new = revisions.find_new(deployment, sets)
        if new is None:
            return None
        return self._keep_revision(deployment, new, _newest_revision([rs for rs in sets if rs is not new]) + 1)

    def _keep_revision(self, deployment: Object, new: Object, number: int) -> Object:
        annotations = revisions.new_annotations(deployment, new, number)
        delay = deployment["spec"].get("minReadySeconds", 0)
        if annotations != new["metadata"].get("annotations") or new["spec"].get("minReadySeconds", 0) != delay:
            changed = copied(new)
            changed["metadata"]["annotations"] = annotations
            changed["spec"] |= {"minReadySeconds": delay}
            if not delay:
                del changed["spec"]["minReadySeconds"]
            new = self.store.update("ReplicaSet", changed)
        name = new["metadata"]["name"]
        found = conditions.new("Progressing", "True", "FoundNewReplicaSet", f'Found new replica set "{name}"')
        missing = progress.condition(deployment) is None
        self._note_revision(deployment, annotations[revisions.REVISION], found if missing else None)
        return new

    def _create(self, deployment: Object, old: list[Object], number: int) -> Object:
        bounds = limits(deployment)
        blank = rolling.Replicas("", "", 0)
        wanted = bounds.replicas
        if strategy(deployment) != "Recreate":
            wanted = rolling.new_size(blank, [numbers(rs) for rs in old], bounds)
        try:
            body = revisions.build(deployment, size=wanted, number=number, largest=bounds.most)
            new = self.store.create("ReplicaSet", body)
        except AlreadyExists:
            self._count_collision(deployment)
            raise
        name = new["metadata"]["name"]
        if wanted:
            self.sizes.announce(deployment, "up", name, 0, wanted)
        created = conditions.new("Progressing", "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        self._note_revision(deployment, str(number), created)
        return new

    def _count_collision(self, deployment: Object) -> None:
        def change(copy: Object) -> None:
            copy["status"]["collisionCount"] = copy["status"].get("collisionCount", 0) + 1

        self.store.patch_status("Deployment", *key_of(deployment), change)

    def _note_revision(self, deployment: Object, number: str, condition: Object | None) -> None:
        def change(copy: Object) -> None:
            copy["metadata"].setdefault("annotations", {})[revisions.REVISION] = number
            if condition and progress.deadline(deployment) is not None:
                conditions.put(copy["status"], condition)

        self.store.patch_status("Deployment", *key_of(deployment), change)

    # Status

    def _note_pause(self, deployment: Object) -> Object:
        current = progress.condition(deployment)
        if progress.deadline(deployment) is None or (current and current["reason"] == "ProgressDeadlineExceeded"):
            return deployment
        noted = current is not None and current["reason"] == "DeploymentPaused"
        paused = bool(deployment["spec"].get("paused"))
        if noted == paused:
            return deployment
        word = "paused" if paused else "resumed"
        wanted = conditions.new("Progressing", "Unknown", f"Deployment{word.title()}", f"Deployment is {word}")
        self.store.patch_status("Deployment", *key_of(deployment), lambda copy: conditions.put(copy["status"], wanted))
        return self.store.get("Deployment", *key_of(deployment))

    def _write_status(self, deployment: Object, sets: list[Object]) -> None:
        """Counts only: while it is paused, scaled or deleted, nothing is said about progress."""
        deployment = self.store.get("Deployment", *key_of(deployment))
        new = revisions.find_new(deployment, sets)
        self._store_status(deployment, progress.counted(deployment, sets, new, limits(deployment)))

    def _write_progress(self, deployment: Object, sets: list[Object]) -> float | None:
        new = revisions.find_new(deployment, sets)
        status = progress.judged(deployment, sets, new, limits(deployment))
        changed = self._store_status(deployment, status)
        return None if changed else progress.look_again_after(deployment)

    def _store_status(self, deployment: Object, status: Object) -> bool:
        if status == (deployment.get("status") or {}):
            return False
        self.store.patch_status("Deployment", *key_of(deployment), lambda copy: copy.update(status=status))
        return True

    def _forget_old(self, deployment: Object, sets: list[Object]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        new = revisions.find_new(deployment, sets)
        old = [rs for rs in sets if rs is not new and not pods.is_terminating(rs)]
        for rs in sorted(old, key=revisions.revision)[: max(0, len(old) - limit)]:
            status = rs.get("status") or {}
            behind = rs["metadata"].get("generation", 0) > status.get("observedGeneration", 0)
            if size(rs) == 0 and not status.get("replicas") and not behind:
                self.store.delete("ReplicaSet", *key_of(rs))


def _newest_revision(sets: list[Object]) -> int:
    return max((revisions.revision(rs) for rs in sets), default=0)
