"""Change what runs without a release: scale, remove."""

from contextlib import suppress

from django.conf import settings

from releases.clients.cluster import Object
from releases.errors import Conflict, NotAllowed
from releases.models import App
from releases.pipeline import autoscalers, manifests, written
from releases.pipeline.applying import SCALE_MANAGER
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of

TRIES = 20


def scale(app: App, service: str, count: int) -> None:
    """Raises ClusterUnavailable, Refused; NotAllowed: it is not ours, an autoscaler would undo it, or it has a volume.

    Nothing to do before the first rollout: that uses the recorded count.
    """
    cluster = cluster_of(app)
    for _ in range(TRIES):
        live = cluster.find("Deployment", app.namespace, service)
        if live is None:
            return
        _refuse(app, service, count, live, autoscalers.of_services(cluster, app.namespace).get(service))
        wanted = manifests.replicas(service, app.namespace, count)
        # Exactly the one that was read: a rollout may give it a volume in this moment.
        wanted["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        with suppress(Conflict):
            cluster.apply(wanted, manager=SCALE_MANAGER, force=True)
            return
    raise NotAllowed(f"Deployment {service} keeps changing: try again.")


def _refuse(app: App, service: str, count: int, live: Object, autoscaler: Object | None) -> None:
    own = Own(settings.DEPLOYER_INSTALLATION)
    if not own.is_ours(live):
        raise NotAllowed(f"Deployment {service} in {app.namespace} was not made by this Deployer.")
    if written.allowed(live, count) < count:
        raise NotAllowed(f"{service} has a volume, so at most one process of it may run.")
    if autoscaler is None or not written.count(live):  # none moves a Deployment that is scaled to 0
        return
    if own.is_ours(autoscaler):
        spec = autoscaler["spec"]
        raise NotAllowed(
            f"The manifest gives {service} a range of {spec.get('minReplicas', 1)} to {spec['maxReplicas']} processes, "
            "and its autoscaler decides how many run: change scale.count there."
        )
    name = autoscaler["metadata"]["name"]
    raise NotAllowed(f"The autoscaler {name} decides how many processes of {service} run: change that one.")


def remove(app: App) -> None:
    """Everything of the app in the cluster, with its namespace; its volumes, too.

    Raises ClusterUnavailable, NotAllowed (not ours).
    """
    cluster = cluster_of(app)
    namespace = cluster.find("Namespace", None, app.namespace)
    if namespace is None:
        return
    annotations = namespace["metadata"].get("annotations") or {}
    if annotations.get(manifests.INSTALLATION) != settings.DEPLOYER_INSTALLATION:
        raise NotAllowed(f"Namespace {app.namespace} was not made by this Deployer: remove it by hand.")
    cluster.delete("Namespace", None, app.namespace, uid=namespace["metadata"]["uid"])
