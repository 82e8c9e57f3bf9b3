"""Change what runs without a release: scale, remove."""

from django.conf import settings

from releases.clients.cluster import Cluster, connect
from releases.errors import NotAllowed, NotFound
from releases.models import App
from releases.pipeline import manifests
from releases.pipeline.applying import SCALE_MANAGER
from releases.pipeline.ownership import Own


def scale(app: App, service: str, count: int) -> None:
    """Raises ClusterUnavailable, Refused; NotAllowed: it is not ours, or an autoscaler would undo it.

    Nothing to do before the first rollout: that uses the recorded count.
    """
    cluster = connect(settings.DEPLOYER_KUBECONFIG)
    live = cluster.find("Deployment", app.namespace, service)
    if live is None:
        return
    if not Own(settings.DEPLOYER_INSTALLATION).is_ours(live):
        raise NotAllowed(f"Deployment {service} in {app.namespace} was not made by this Deployer.")
    if autoscaler := _autoscaler(cluster, app.namespace, service):
        raise NotAllowed(f"The autoscaler {autoscaler} decides how many processes of {service} run: change that one.")
    cluster.apply(manifests.replicas(service, app.namespace, count), manager=SCALE_MANAGER, force=True)


def _autoscaler(cluster: Cluster, namespace: str, service: str) -> str:
    """The name of the one that scales the Deployment; "" when none does."""
    try:
        autoscalers, _ = cluster.list_all("HorizontalPodAutoscaler", namespace)
    except NotFound:  # a cluster without autoscaling
        return ""
    for autoscaler in autoscalers:
        target = autoscaler["spec"]["scaleTargetRef"]
        if (target.get("kind"), target.get("name")) == ("Deployment", service):
            return autoscaler["metadata"]["name"]
    return ""


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
