"""The only door to Kubernetes: raw JSON over the official client's connection, our words, our errors.

The typed models are left aside: they cost memory and validate what a newer cluster may legitimately add.
"""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.config_exception import ConfigException

from releases import errors
from releases.clients.answers import error_of, status_of, unavailable
from releases.clients.streams import LogLines, Watch

TIMEOUT = urllib3.Timeout(connect=3, read=30)
# A quiet watch still bookmarks about every minute; longer silence means that the connection is dead.
WATCH_TIMEOUT = urllib3.Timeout(connect=3, read=75)
WATCH_SECONDS = 1800
PAGE = 500
BUSY_PAUSES = (0.1, 0.3, 1.0)
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
    "Deployment": Resource("apis/apps/v1", "deployments"),
    "ReplicaSet": Resource("apis/apps/v1", "replicasets"),
    "Job": Resource("apis/batch/v1", "jobs"),
    "CronJob": Resource("apis/batch/v1", "cronjobs"),
    "Ingress": Resource("apis/networking.k8s.io/v1", "ingresses"),
    "HorizontalPodAutoscaler": Resource("apis/autoscaling/v2", "horizontalpodautoscalers"),
}

Object = dict[str, Any]


class Cluster:
    """One Kubernetes API. Every method may raise ClusterUnavailable (try again) or Refused (it said no)."""

    def __init__(self, kubeconfig: str | Path) -> None:
        self.kubeconfig = str(kubeconfig)
        configuration = type.__call__(Configuration)
        configuration.retries = False
        configuration.connection_pool_maxsize = 32
        try:
            config.load_kube_config(self.kubeconfig, client_configuration=configuration, persist_config=False)
        except (ConfigException, OSError, ValueError) as error:
            raise errors.ClusterUnavailable(f"The cluster's kubeconfig can't be read: {error}") from error
        self.client = ApiClient(configuration)
        self.url = configuration.host.rstrip("/")

    # --- One object -------------------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str | None, name: str) -> Object:
        """Raises NotFound."""
        return self._json("GET", self._path(kind, namespace, name))

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        try:
            return self.get(kind, namespace, name)
        except errors.NotFound:
            return None

    def create(self, obj: Object) -> Object:
        """Raises Conflict if it exists already."""
        return self._json("POST", self._path(obj["kind"], obj["metadata"].get("namespace")), body=obj)

    def apply(self, obj: Object, *, manager: str, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply; with `metadata.resourceVersion` only onto that version, else Conflict.

        Raises FieldConflict when another manager owns a field of it.
        """
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        path = self._path(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        return self._json("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml")

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
            self._json("DELETE", self._path(kind, namespace, name), body=body)
        except errors.NotFound:
            return False
        return True

    # --- Many -------------------------------------------------------------------------------------------------------

    def list_all(self, kind: str, namespace: str | None = None, *, labels: str = "") -> tuple[list[Object], str]:
        """All objects, and the resourceVersion from which to watch."""
        items: list[Object] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": labels} if labels else {})
        while True:
            page = self._json("GET", self._path(kind, namespace), query=query)
            items += page.get("items") or []
            query["continue"] = page["metadata"].get("continue") or ""
            if not query["continue"]:
                return items, page["metadata"]["resourceVersion"]

    def watch(self, kind: str, *, labels: str = "", since: str) -> Watch:
        """Changes after the version `since`, until the stream ends. Raises Expired when that is too old: list again."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(WATCH_SECONDS),
        } | ({"labelSelector": labels} if labels else {})
        return Watch(self._open("GET", self._path(kind, None), query=query, timeout=WATCH_TIMEOUT), self.url)

    def follow_log(
        self, namespace: str, pod: str, *, container: str, since: str = "", follow: bool = True, seconds: float = 75
    ) -> LogLines:
        """(time, line) of a container from its beginning, or from the second of `since`, as the cluster wrote them.

        With `follow` until the container has ended. Times are the cluster's own, of nine digits after the second.
        Raises Refused while the container has not begun, NotFound; ClusterUnavailable after `seconds` of silence.
        """
        query = {"container": container, "timestamps": "true", "follow": str(follow).lower()}
        if since:
            query["sinceTime"] = FRACTION.sub("", since)  # the API knows whole seconds
        timeout = urllib3.Timeout(connect=3, read=seconds)
        path = self._path("Pod", namespace, pod) + "/log"
        return LogLines(self._open("GET", path, query=query, timeout=timeout), self.url)

    def log(
        self, namespace: str, pod: str, *, container: str, tail: int | None, previous: bool, seconds: float
    ) -> list[str]:
        """The last `tail` lines of a container, or all; at most 4 MiB from where that begins; within `seconds`."""
        query = {"container": container, "limitBytes": str(LOG_BYTES), "previous": str(previous).lower()}
        if tail is not None:
            query["tailLines"] = str(tail)
        timeout = urllib3.Timeout(connect=seconds, read=seconds)
        response = self._open("GET", self._path("Pod", namespace, pod) + "/log", query=query, timeout=timeout)
        try:
            return response.data.decode(errors="replace").splitlines()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error

    def version(self) -> str:
        """`v1.36.2`."""
        return str(self._json("GET", "version")["gitVersion"])

    # --- How --------------------------------------------------------------------------------------------------------

    def _path(self, kind: str, namespace: str | None, name: str | None = None) -> str:
        resource = RESOURCES[kind]
        parts = [resource.api]
        if resource.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(resource.plural)
        if name:
            parts.append(quote(name, safe=""))
        return "/".join(parts)

    def _json(self, method: str, path: str, *, query: dict | None = None, **options: Any) -> Object:
        response = self._answered(method, path, query=query, **options)
        try:
            return json.loads(response.data)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise unavailable(self.url, error) from error

    def _answered(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """A single request that the cluster was too busy for is sent again a few times: else a procedure of many
        requests would never come through. Not a creation: that may have been done."""
        for pause in () if method == "POST" else BUSY_PAUSES:
            try:
                return self._open(method, path, **options)
            except errors.ClusterUnavailable as error:
                if not error.answered or (error.retry_after or 0) > pause:
                    raise
                time.sleep(pause)
        return self._open(method, path, **options)

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: dict | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        timeout: urllib3.Timeout = TIMEOUT,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.url}/{path}" + ("?" + urlencode(query) if query else "")
        headers = {"Accept": "application/json", "User-Agent": "deployer"}
        if body is not None:
            headers["Content-Type"] = content_type
        self.client.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)
        try:
            response = self.client.rest_client.pool_manager.request(
                method,
                url,
                body=json.dumps(body) if body is not None else None,
                headers=headers,
                timeout=timeout,
                preload_content=False,
                redirect=False,
            )
            if response.status >= 300:
                raise error_of(response.status, status_of(response), response.headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error
        return response


_open_clusters: dict[str, tuple[float, Cluster]] = {}
_lock = threading.Lock()


def connect(kubeconfig: str | Path) -> Cluster:
    """The cluster of this kubeconfig, shared within the process; read anew when the file has changed."""
    path = str(kubeconfig)
    try:
        changed = Path(path).stat().st_mtime
    except OSError as error:
        raise errors.ClusterUnavailable(f"The cluster's kubeconfig can't be read: {error.strerror}.") from error
    with _lock:
        known = _open_clusters.get(path)
        if known is None or known[0] != changed:
            known = _open_clusters[path] = (changed, Cluster(path))
        return known[1]
