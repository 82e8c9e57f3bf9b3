"""Change what runs without a release: scale, remove."""

from django.conf import settings

from releases.clients.cluster import connect
from releases.errors import NotAllowed
from releases.models import App
from releases.pipeline import manifests
from releases.pipeline.applying import SCALE_MANAGER


def scale(app: App, service: str, count: int) -> None:
    """Raises ClusterUnavailable, Refused. Nothing to do before the first rollout: it uses the recorded count."""
    cluster = connect(settings.DEPLOYER_KUBECONFIG)
    if cluster.find("Deployment", app.namespace, service) is not None:
        cluster.apply(manifests.replicas(service, app.namespace, count), manager=SCALE_MANAGER, force=True)


def remove(app: App) -> None:
    """Everything of the app in the cluster, with its namespace. Raises ClusterUnavailable, NotAllowed (not ours)."""
    cluster = connect(settings.DEPLOYER_KUBECONFIG)
    namespace = cluster.find("Namespace", None, app.namespace)
    if namespace is None:
        return
    annotations = namespace["metadata"].get("annotations") or {}
    if annotations.get(manifests.INSTALLATION) != settings.DEPLOYER_INSTALLATION:
        raise NotAllowed(f"Namespace {app.namespace} was not made by this Deployer: remove it by hand.")
    cluster.delete("Namespace", None, app.namespace, uid=namespace["metadata"]["uid"])
