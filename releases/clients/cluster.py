"""The only door to Kubernetes: raw JSON over the official client's connection, our words, our errors."""

import re
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import urllib3

from releases import errors
from releases.clients.access import Access, KubeconfigFile
from releases.clients.answers import Object as Object
from releases.clients.answers import no_kubernetes, unavailable
from releases.clients.door import Door
from releases.clients.streams import LogLines, Watch

# A quiet watch still bookmarks about every minute; longer silence means that the connection is dead.
WATCH_TIMEOUT = urllib3.Timeout(connect=3, read=75)
WATCH_SECONDS = 1800
# Of a look at whether it is there at all.
LOOK_TIMEOUT = urllib3.Timeout(connect=3, read=5)
PAGE = 500
FRACTION = re.compile(r"\.\d+")
LOG_BYTES = 4 * 1024**2


class Resource(NamedTuple):
    api: str
    plural: str
    namespaced: bool = True


RESOURCES = {
    "Namespace": Resource("api/v1", "namespaces", namespaced=False),
    "Secret": Resource("api/v1", "secrets"),
    "Service": Resource("api/v1", "services"),
    "Pod": Resource("api/v1", "pods"),
    "Event": Resource("api/v1", "events"),
    "PersistentVolumeClaim": Resource("api/v1", "persistentvolumeclaims"),
    "Deployment": Resource("apis/apps/v1", "deployments"),
    "ReplicaSet": Resource("apis/apps/v1", "replicasets"),
    "Job": Resource("apis/batch/v1", "jobs"),
    "CronJob": Resource("apis/batch/v1", "cronjobs"),
    "Ingress": Resource("apis/networking.k8s.io/v1", "ingresses"),
    "HorizontalPodAutoscaler": Resource("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": Resource("apis/policy/v1", "poddisruptionbudgets"),
}


class Cluster:
    """One Kubernetes API. Every method may raise ClusterUnavailable (try again) or Refused (it said no)."""

    def __init__(self, access: Access | str | Path) -> None:
        """`access`: a path is that of a kubeconfig file. Raises ClusterUnavailable when it can't be used."""
        self.door = Door(_access(access).enter())
        self.url = self.door.url

    # --- One object -------------------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        """Raises NotFound."""
        return self.door.json("GET", _path(kind, namespace, name))

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        try:
            return self.get(kind, namespace, name)
        except errors.NotFound:
            return None

    def create(self, obj: Object) -> Object:
        """Raises Conflict if it exists already."""
        return self.door.json("POST", _path(obj["kind"], obj["metadata"].get("namespace")), body=obj)

    def apply(self, obj: Object, *, manager: str, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply; with `metadata.resourceVersion` only onto that version, else Conflict.

        Raises FieldConflict when another manager owns a field of it.
        """
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        path = _path(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        return self.door.json("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml")

    def delete(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "Background",
    ) -> bool:
        """True if there was something to delete. Preconditions that no longer hold raise Conflict."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        body["preconditions"] = {key: value for key, value in preconditions.items() if value}
        try:
            self.door.json("DELETE", _path(kind, namespace, name), body=body)
        except errors.NotFound:
            return False
        return True

    # --- Many -------------------------------------------------------------------------------------------------------

    def list_all(self, kind: str, namespace: str | None = None, *, labels: str = "") -> tuple[list[Object], str]:
        """All objects, and the resourceVersion from which to watch."""
        items: list[Object] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": labels} if labels else {})
        while True:
            page = self.door.json("GET", _path(kind, namespace), query=query)
            items += page.get("items") or []
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return items, page["metadata"]["resourceVersion"]

    def list_some(
        self, kind: str, namespace: str, *, name: str = "", objects: int, size: int, seconds: float
    ) -> tuple[list[Object], int]:
        """At most so many objects, strangers' too, or the one of this `name`, and about so many bytes of them; and how
        many there are besides, as far as the cluster says. For a look that may not take long: asked once, with short
        time-outs, and given up after `seconds`."""
        items: list[Object] = []
        query = {"limit": str(PAGE)} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
        until = time.monotonic() + seconds
        while True:
            page, read = self.door.sized(
                "GET", _path(kind, namespace), query=query, most=size, until=until, timeout=LOOK_TIMEOUT, patient=False
            )
            found, metadata = page.get("items"), page.get("metadata")
            items += [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
            size -= read
            told = metadata if isinstance(metadata, dict) else {}
            query["continue"] = str(told.get("continue") or "")
            if not query["continue"]:
                return items[:objects], max(0, len(items) - objects)
            if time.monotonic() > until:
                raise errors.ClusterUnavailable(f"The cluster takes too long to list its {kind} objects.")
            if len(items) >= objects or size <= 0:
                left = told.get("remainingItemCount")
                return items[:objects], max(1, left if isinstance(left, int) else 1)

    def now(self) -> datetime:
        """By its own clock, as its last answer said; by ours before the first."""
        return self.door.now()

    def watch(self, kind: str, *, labels: str = "", since: str) -> Watch:
        """Changes after the version `since`, until the stream ends. Raises Expired when that is too old: list again."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        } | ({"labelSelector": labels} if labels else {})
        return Watch(self.door.open("GET", _path(kind, None), query=query, timeout=WATCH_TIMEOUT), self.url)

    def follow_log(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        since: str = "",
        tail: int | None = None,
        follow: bool = True,
        previous: bool = False,
        seconds: float = 75,
    ) -> LogLines:
        """(time, line) of a container from its beginning, or from the second of `since`, as the cluster wrote them.

        With `follow` until the container has ended; `previous`: of the run before this one; `tail`: the last ones
        only. Times are the cluster's own, of nine digits after the second. Raises Refused while the container has not
        begun, NotFound; ClusterUnavailable after `seconds` of silence.
        """
        query = {"container": container, "timestamps": "true", "follow": str(follow).lower()}
        query |= {"previous": "true"} if previous else {}
        query |= {"tailLines": str(tail)} if tail is not None else {}
        if since:
            query["sinceTime"] = FRACTION.sub("", since)  # the API knows whole seconds
        timeout = urllib3.Timeout(connect=3, read=seconds)
        path = _path("Pod", namespace, pod) + "/log"
        return LogLines(self.door.open("GET", path, query=query, timeout=timeout), self.url)

    def log(
        self,
        namespace: str,
        pod: str,
        *,
        container: str,
        tail: int | None,
        previous: bool,
        seconds: float,
        size: int = LOG_BYTES,
    ) -> list[str]:
        """The last `tail` lines of a container, or all; at most `size` bytes from where that begins; within
        `seconds`."""
        query = {"container": container, "limitBytes": str(size), "previous": str(previous).lower()}
        if tail is not None:
            query["tailLines"] = str(tail)
        timeout = urllib3.Timeout(connect=seconds, read=seconds)
        until = time.monotonic() + seconds
        response = self.door.open("GET", _path("Pod", namespace, pod) + "/log", query=query, timeout=timeout)
        try:
            data = self.door.beginning(response, most=size, until=until)
            return data.decode(errors="replace").splitlines()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error

    def version(self) -> str:
        """`v1.36.2`."""
        version = self.door.json("GET", "version", timeout=LOOK_TIMEOUT).get("gitVersion")
        if not isinstance(version, str) or not version:
            raise no_kubernetes(self.url)
        return version

    def may(self, attributes: dict[str, str]) -> bool:
        """Whether we may do that: `attributes` are a SelfSubjectAccessReview's `resourceAttributes`."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self.door.json(
            "POST", "apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=review, timeout=LOOK_TIMEOUT
        )
        status = answer.get("status")
        if not isinstance(status, dict):
            raise no_kubernetes(self.url)
        return status.get("allowed") is True


def _path(kind: str, namespace: str | None, name: str | None = None) -> str:
    resource = RESOURCES[kind]
    parts = [resource.api]
    if resource.namespaced and namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    if name:
        parts.append(quote(name, safe=""))
    return "/".join(parts)


def _access(given: Access | str | Path) -> Access:
    return KubeconfigFile(str(given)) if isinstance(given, str | Path) else given


_connections: dict[str, tuple[str, Cluster]] = {}
_lock = threading.Lock()


def connect(access: Access | str | Path) -> Cluster:
    """The cluster that is reached so, shared within the process; made anew when the access has changed.

    A path is that of a kubeconfig file. Raises ClusterUnavailable.
    """
    access = _access(access)
    place, stamp = access.place, access.stamp()
    with _lock:
        known = _connections.get(place)
    if known is None or known[0] != stamp:
        made = (stamp, Cluster(access))  # with no lock held: it may run a program for its credentials
        with _lock:
            known = _connections.get(place)
            if known is None or known[0] != stamp:
                known = _connections[place] = made
    return known[1]


def forget(place: str) -> None:
    """Nobody will ask for this access again."""
    with _lock:
        _connections.pop(place, None)
