"""Write to the cluster so that no stranger is harmed and no stale worker gets through.

Every write carries the version just read, and leaves `<rollout number>.<epoch>` on the object: whoever finds a newer
stamp than its own has been taken over from.
"""

import copy
from dataclasses import dataclass
from typing import Any

from releases.clients.cluster import Cluster
from releases.errors import ClusterError, Conflict, FieldConflict, Refused, RolloutFailed, Stale
from releases.pipeline import manifests
from releases.pipeline.ownership import Own

Object = dict[str, Any]
MANAGER, SCALE_MANAGER = "deployer", "deployer-scale"
# What a release may bring and therefore take away. Volumes are not among them: only a person deletes data.
PRUNED = ("Deployment", "Service", "Ingress", "Job", "Secret")
TRIES = 20


@dataclass(frozen=True)
class Writer:
    """A worker's pen for one rollout. `stamp`: (rollout number, epoch)."""

    cluster: Cluster
    namespace: str
    installation: str
    stamp: tuple[int, int]

    def apply(self, obj: Object, *, force: bool = False, count: int | None = None) -> Object:
        """Give `obj` this shape; `count`: the processes of a Deployment that isn't there yet.

        Raises Stale, FieldConflict (never with `force`), Refused, RolloutFailed (a stranger's object).
        """
        for _ in range(TRIES):
            live = self.cluster.find(obj["kind"], self.namespace, obj["metadata"]["name"])
            try:
                return self._create(obj, count) if live is None else self._change(obj, live, force=force)
            except FieldConflict:
                raise
            except Conflict:
                continue  # somebody wrote between our reading and our writing: read again
        raise RolloutFailed(f"{_words(obj)} keeps changing under our hands.")

    def unstamped(self, objects: list[Object]) -> list[str]:
        """Which of `objects` are gone, or carry a stamp that is not ours: what a worker that was taken over from made
        over ours in its last moment, since a creation can't be conditional. In words. Raises Stale."""
        found = []
        for obj in objects:
            live = self.cluster.find(obj["kind"], self.namespace, obj["metadata"]["name"])
            if live is None or not self.own.is_ours(live) or stamp_of(live) != self.stamp:
                if live is not None:
                    self._refuse_newer(live)
                found.append(_words(obj))
        return found

    def would_change(self, obj: Object) -> bool:
        """Whether a forced apply of `obj` would change anything but our stamp."""
        live = self.cluster.find(obj["kind"], self.namespace, obj["metadata"]["name"])
        if live is None:
            return True
        after = self.cluster.apply(self._stamped(obj), manager=MANAGER, force=True, dry_run=True)
        return _substance(after) != _substance(live)

    def refuse_strangers(self, objects: list[Object]) -> None:
        """Raises RolloutFailed, naming the object that has one of our names and is not ours."""
        for obj in objects:
            live = self.cluster.find(obj["kind"], self.namespace, obj["metadata"]["name"])
            if live is not None:
                self._refuse_stranger(live)

    def dry_run(self, objects: list[Object]) -> None:
        """Ask the cluster about all of them without changing any. Raises FieldConflict, Refused."""
        for obj in objects:
            self.cluster.apply(obj, manager=MANAGER, dry_run=True)

    def delete(self, live: Object) -> bool:
        """Delete exactly the object that was read. False when it has changed since, or is gone. Raises Stale."""
        self._refuse_newer(live)
        metadata = live["metadata"]
        try:
            return self.cluster.delete(
                live["kind"],
                self.namespace,
                metadata["name"],
                uid=metadata["uid"],
                resource_version=metadata["resourceVersion"],
            )
        except Conflict:
            return False

    def surplus(self, wanted: list[Object], *, kept_secrets: set[str]) -> list[Object]:
        """What carries our labels and is not wanted, and the Secrets of releases that nothing may need any more.

        `kept_secrets`: by name. Raises Stale when somebody newer has written any of it.
        """
        names = {(obj["kind"], obj["metadata"]["name"]) for obj in wanted}
        found = []
        for kind in PRUNED:
            items, _ = self.cluster.list_all(kind, self.namespace, labels=manifests.OURS)
            for item in items:
                name = item["metadata"]["name"]
                kept = (kind, name) in names or (kind == "Secret" and name in kept_secrets)
                if not kept and self.own.is_ours(item):
                    found.append({**item, "kind": kind})
                    self._refuse_newer(found[-1])
        return found

    @property
    def own(self) -> Own:
        return Own(self.installation)

    # --- How --------------------------------------------------------------------------------------------------------

    def _create(self, obj: Object, count: int | None) -> Object:
        """With its first scale, which `deployer-scale` then owns too: else our next apply would take it away."""
        body = self._stamped(obj)
        if obj["kind"] != "Deployment":
            return self.cluster.apply(body, manager=MANAGER)
        body["spec"]["replicas"] = 1 if count is None else count
        return self._own_scale(self.cluster.apply(body, manager=MANAGER))

    def _change(self, obj: Object, live: Object, *, force: bool) -> Object:
        self._refuse_stranger(live)
        self._refuse_newer(live)
        if "deletionTimestamp" in live["metadata"]:  # what is written now would go with it
            raise Refused(f"{_words(live)} is being deleted by somebody.")
        if obj["kind"] == "Deployment" and not _scale_is_shared(live):
            live = self._own_scale(live)
        return self.cluster.apply(self._stamped(obj, live), manager=MANAGER, force=force)

    def _own_scale(self, live: Object) -> Object:
        """Of exactly the Deployment that was read: somebody may scale it in this moment. Raises Conflict."""
        metadata = live["metadata"]
        share = manifests.replicas(metadata["name"], self.namespace, live["spec"].get("replicas", 1))
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
            raise RolloutFailed(
                f"{_words(live)} in {self.namespace} was not made by this Deployer. Rename the service, or remove it."
            )

    def _refuse_newer(self, live: Object) -> None:
        stamp = stamp_of(live)
        if stamp > self.stamp:
            raise Stale(f"{_words(live)} carries the newer stamp {'.'.join(map(str, stamp))}.")


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


def prune(writer: Writer, wanted: list[Object], *, kept_secrets: set[str]) -> list[str]:
    """Delete what the release does not have. Gives warnings: a failed prune is tried again after the next rollout."""
    try:
        unwanted = writer.surplus(wanted, kept_secrets=kept_secrets)
    except ClusterError as error:
        return [f"What the release no longer has could not be removed: {error.message}"]
    return [warning for live in unwanted if (warning := _removed(writer, live))]


def _removed(writer: Writer, live: Object) -> str:
    """ "" when it is gone; else why not."""
    try:
        return "" if writer.delete(live) else f"{_words(live)} changed meanwhile and is left for the next time."
    except ClusterError as error:
        return f"{_words(live)}, which the release no longer has, could not be removed: {error.message}"


def stamp_of(live: Object) -> tuple[int, ...]:
    """`<rollout number>.<epoch>` of who wrote it last; a stamp that is none is older than all."""
    parts = (live["metadata"].get("annotations") or {}).get(manifests.EPOCH, "0.0").split(".")
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() for part in parts) else (0, 0)


def _scale_is_shared(live: Object) -> bool:
    """False when a worker died between creating a Deployment and letting `deployer-scale` own its replicas."""
    owners = {
        entry["manager"]
        for entry in live["metadata"].get("managedFields") or []
        if "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {})
    }
    return owners != {MANAGER}


def _substance(obj: Object) -> Object:
    """What an object says, without what every write moves."""
    metadata = obj["metadata"]
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != manifests.EPOCH}
    body = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return {**body, "labels": metadata.get("labels"), "annotations": annotations}


def _words(obj: Object) -> str:
    return f"{obj.get('kind', 'The object')} {obj['metadata']['name']}"
