"""A cluster, as anybody sees it who holds a kubeconfig: plain requests, nothing of Deployer's."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

Object = dict[str, Any]

KINDS = {
    "namespaces": "api/v1",
    "secrets": "api/v1",
    "serviceaccounts": "api/v1",
    "services": "api/v1",
    "pods": "api/v1",
    "persistentvolumeclaims": "api/v1",
    "resourcequotas": "api/v1",
    "deployments": "apis/apps/v1",
    "replicasets": "apis/apps/v1",
    "jobs": "apis/batch/v1",
    "storageclasses": "apis/storage.k8s.io/v1",
    "clusterroles": "apis/rbac.authorization.k8s.io/v1",
    "clusterrolebindings": "apis/rbac.authorization.k8s.io/v1",
    "selfsubjectaccessreviews": "apis/authorization.k8s.io/v1",
}
EVERYWHERE = {"namespaces", "storageclasses", "clusterroles", "clusterrolebindings", "selfsubjectaccessreviews"}
TIMEOUT = urllib3.Timeout(connect=10, read=60)


class Refused(AssertionError):
    """The cluster said no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Kube:
    def __init__(self, kubeconfig: Path) -> None:
        self.configuration = type.__call__(Configuration)
        config.load_kube_config(str(kubeconfig), client_configuration=self.configuration, persist_config=False)
        self.client = ApiClient(self.configuration)

    # --- Objects ----------------------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str, name: str) -> Object:
        return self.ask("GET", path_of(kind, namespace, name))

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """None if there is no such object, or no such kind."""
        try:
            return self.get(kind, namespace, name)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    def list(self, kind: str, namespace: str = "", labels: str = "") -> "tuple[list[Object], str]":
        """The objects, and the version from which to watch."""
        answer = self.ask("GET", path_of(kind, namespace), {"labelSelector": labels} if labels else {})
        return answer["items"], answer["metadata"]["resourceVersion"]

    def create(self, kind: str, namespace: str, body: Object, subresource: str = "") -> Object:
        return self.ask("POST", path_of(kind, namespace) + subresource, body=body)

    def patch(self, kind: str, namespace: str, name: str, change: Object) -> Object:
        """By a merge patch."""
        path = path_of(kind, namespace, name)
        return self.ask("PATCH", path, {"fieldManager": "somebody"}, change, "application/merge-patch+json")

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """What is gone already is fine."""
        try:
            self.ask("DELETE", path_of(kind, namespace, name))
        except Refused as refused:
            if refused.status != 404:
                raise

    # --- Streams and questions --------------------------------------------------------------------------------------

    def watch(self, kind: str, namespace: str, since: str, *, seconds: int) -> Iterator[Object]:
        """Events after the version `since`; ends by itself."""
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(seconds)}
        response = self._open("GET", path_of(kind, namespace), query)
        rest = b""
        try:
            for piece in response.stream(2**16):
                *lines, rest = (rest + piece).split(b"\n")
                yield from map(json.loads, filter(None, lines))
        finally:
            response.close()

    def log(self, namespace: str, pod: str) -> str:
        """What a pod's only container has said so far; "" while it has not begun."""
        try:
            return self._open("GET", path_of("pods", namespace, pod) + "/log", {}).data.decode(errors="replace")
        except Refused:
            return ""

    def serves(self, group_version: str) -> bool:
        """Whether it has this API group, such as `rbac.authorization.k8s.io/v1`."""
        try:
            self.ask("GET", f"apis/{group_version}")
        except Refused:
            return False
        return True

    def may(self, verb: str, resource: str, group: str = "") -> bool:
        """Whether who holds this kubeconfig may do that in every namespace."""
        resource, _, part = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": resource, "subresource": part}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        return bool(self.create("selfsubjectaccessreviews", "", review)["status"]["allowed"])

    # --- How --------------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        """Raises Refused."""
        answer: Object = json.loads(self._open(method, path, query or {}, body, content_type).data)
        return answer

    def _open(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        self.client.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)
        response = self.client.rest_client.pool_manager.request(
            method,
            f"{self.configuration.host.rstrip('/')}/{path}" + ("?" + urlencode(query) if query else ""),
            body=json.dumps(body) if body is not None else None,
            headers=headers,
            timeout=TIMEOUT,
            preload_content=False,
        )
        if response.status >= 300:
            raise Refused(response.status, response.data.decode(errors="replace"))
        return response


def path_of(kind: str, namespace: str, name: str = "") -> str:
    parts = [KINDS[kind]]
    if namespace and kind not in EVERYWHERE:
        parts += ["namespaces", namespace]
    return "/".join([*parts, kind, *([name] if name else [])])


# --- Kubeconfigs ----------------------------------------------------------------------------------------------------


def current(kubeconfig: Path) -> tuple[Object, Object]:
    """Cluster and user of the current context, with the contents of files in place of their names."""
    document = yaml.safe_load(kubeconfig.read_text())
    contexts = {entry["name"]: entry["context"] for entry in document["contexts"]}
    context = contexts[document.get("current-context") or next(iter(contexts))]
    clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
    users = {entry["name"]: entry["user"] for entry in document["users"]}
    return tuple(_inlined(part, kubeconfig.parent) for part in (clusters[context["cluster"]], users[context["user"]]))  # type: ignore[return-value]


def _inlined(section: Object, folder: Path) -> Object:
    inlined = dict(section)
    for key in ("certificate-authority", "client-certificate", "client-key"):
        if name := inlined.pop(key, ""):
            inlined[f"{key}-data"] = base64.b64encode((folder / name).read_bytes()).decode()
    if name := inlined.pop("tokenFile", ""):
        inlined["token"] = (folder / name).read_text().strip()
    return inlined


def kubeconfig_text(cluster: Object, user: Object) -> str:
    """A kubeconfig of one context."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "given", "cluster": cluster}],
        "users": [{"name": "tests", "user": user}],
        "contexts": [{"name": "tests", "context": {"cluster": "given", "user": "tests"}}],
        "current-context": "tests",
    }
    return yaml.safe_dump(document)
