"""An account that may do what `deploy/rbac.yaml` grants, and nothing else: Deployer's own in the cluster tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster.kube import Kube, Object, current, kubeconfig_text
from tests.cluster.leftovers import MARK
from tests.web_server import ROOT

RIGHTS = ROOT / "deploy" / "rbac.yaml"
RBAC = "rbac.authorization.k8s.io"
PLURALS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
}
TOKEN_SECONDS = 4 * 3600


def why_not(kube: Kube) -> str:
    """Why no such account can be made here: then Deployer works with the kubeconfig that was given."""
    if not kube.serves(f"{RBAC}/v1"):
        return "this cluster serves no RBAC"
    wanted = [("create", "namespaces", ""), ("create", "serviceaccounts", ""), ("create", "serviceaccounts/token", "")]
    wanted += [("create", "clusterroles", RBAC), ("create", "clusterrolebindings", RBAC)]
    lacking = [f"{verb} {resource}" for verb, resource, group in wanted if not kube.may(verb, resource, group)]
    return f"who holds TEST_KUBECONFIG may not {', '.join(lacking)}" if lacking else ""


@contextmanager
def granted(kube: Kube, given: Path, name: str) -> Iterator[str]:
    """The text of a kubeconfig of such an account: all its objects have this unique name, and go at the end."""
    objects = renamed(list(yaml.safe_load_all(RIGHTS.read_text())), name)
    made: list[tuple[str, str]] = []
    try:
        for obj in objects:
            plural = PLURALS[obj["kind"]]
            kube.create(plural, obj["metadata"].get("namespace", ""), obj)
            made.append((plural, obj["metadata"]["name"]))
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        answer = kube.create("serviceaccounts", name, request, f"/{name}/token")
        cluster, _ = current(given)
        yield kubeconfig_text(cluster, {"token": answer["status"]["token"]})
    finally:
        for plural, own in reversed(made):
            if plural != "serviceaccounts":  # it goes with its namespace
                kube.delete(plural, "", own)


def renamed(objects: list[Object], name: str) -> list[Object]:
    """The same objects under another name, with a mark by which they are found again."""
    for obj in objects:
        metadata = obj["metadata"]
        metadata["name"] = name
        metadata["labels"] = {MARK: "yes"}
        if "namespace" in metadata:
            metadata["namespace"] = name
        if "roleRef" in obj:
            obj["roleRef"]["name"] = name
            obj["subjects"] = [subject | {"name": name, "namespace": name} for subject in obj["subjects"]]
    return objects
