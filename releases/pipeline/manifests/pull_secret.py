"""With what a cluster pulls an app's images. No part of a release: it always holds the passwords of today."""

import base64
import json
from collections.abc import Mapping

from releases.models import App
from releases.pipeline.manifests import labels
from releases.pipeline.manifests.labels import Object

PULL_SECRET = "registry"  # noqa: S105 (its name)
DOCKER_HUB, DOCKER_HUB_KEY = "docker.io", "https://index.docker.io/v1/"


def pull_secret(app: App, logins: Mapping[str, tuple[str, str]], *, installation: str) -> Object:
    """`logins`: registry address → (user name, password)."""
    metadata = {
        "name": PULL_SECRET,
        "namespace": app.namespace,
        "labels": {labels.MANAGED_BY: labels.MANAGER, labels.APP: app.name},
        "annotations": {labels.INSTALLATION: installation},
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **logins_secret(logins)}


def logins_secret(logins: Mapping[str, tuple[str, str]]) -> Object:
    """Type and data of a Secret with which images are pulled.

    https://kubernetes.io/docs/concepts/containers/images/#config-json: of several addresses the longest that fits.
    """
    auths = {_key(address): _login(*login) for address, login in sorted(logins.items())}
    text = json.dumps({"auths": auths}, sort_keys=True)
    return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": _base64(text)}}


def pulls_with_secret(objects: list[Object]) -> bool:
    """Whether any of a release's objects names the pull secret."""
    wanted = {"name": PULL_SECRET}
    return any(wanted in (spec.get("imagePullSecrets") or []) for spec in map(_pod_spec, objects))


def _pod_spec(obj: Object) -> Object:
    spec = obj.get("spec") or {}
    if obj["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return (spec.get("template") or {}).get("spec") or {}


def _key(address: str) -> str:
    """Docker's own registry goes by another name there."""
    host, slash, path = address.partition("/")
    return DOCKER_HUB_KEY if host == DOCKER_HUB else host + slash + path


def _login(username: str, password: str) -> Object:
    return {"username": username, "password": password, "auth": _base64(f"{username}:{password}")}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
