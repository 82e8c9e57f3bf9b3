"""The app's own domains in its cluster: one Ingress that no release brings, changed at once and never restored away.

Whoever writes it reads first what is there, then what the rows say, and writes exactly onto what was read: so the last
writer has always seen the last change.
"""

import logging

from django.conf import settings
from django.db.models import F

from releases.clients.cluster import Cluster, Object
from releases.errors import ClusterError, ClusterUnavailable, Conflict, NotAllowed, NotFound
from releases.models import App, Domain
from releases.models import Cluster as ClusterRow
from releases.pipeline import manifests
from releases.pipeline.applying import MANAGER
from releases.pipeline.ground import Ground
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
TRIES = 20


def write(app: App, cluster: Cluster | None = None) -> None:
    """The cluster knows the app's own domains as they are in the database when this ends.

    Before its first rollout there is nothing to do: that writes them. Raises ClusterError; NotAllowed: an
    Ingress of that name is somebody else's.
    """
    for _ in range(TRIES):
        change = _change(app)
        if change is None:  # deleted meanwhile
            return
        try:
            if _was_rolled_out(app):
                _write(app, cluster or cluster_of(app))
        except Conflict:
            continue  # somebody wrote between our reading and our writing
        if _change(app) == change:
            App.objects.filter(pk=app.pk, domains_applied__lt=change).update(domains_applied=change)
            return
    raise ClusterUnavailable(f"The domains of {app.name} keep changing: try again.")


def bring_back(ground: Ground) -> None:
    """In a rollout: they are there, also where the namespace is new. Where that can't be done it is no fault of a
    release, and keeps none from being restored: it is said, and made good by the reaper."""
    app = ground.rollout.app
    if not _change(app):
        return
    try:
        write(app, ground.cluster)
    except (ClusterError, NotAllowed) as error:
        App.objects.filter(pk=app.pk).update(domains_changed=F("domains_changed") + 1)
        ground.say(f"The app's own domains could not be written, which is tried again: {error.message}", key="domains")


def settle(row: ClusterRow) -> None:
    """Make good what a worker or a web server that died, or a cluster that fell silent, has left undone."""
    for app in App.objects.filter(cluster=row, deleting_at=None).exclude(domains_applied=F("domains_changed")):
        try:
            write(app)
        except (ClusterError, NotAllowed) as error:
            logger.info("the domains of %s are not written yet: %s", app.name, error.message)


def _change(app: App) -> int | None:
    return App.objects.filter(pk=app.pk).values_list("domains_changed", flat=True).first()


def _was_rolled_out(app: App) -> bool:
    return App.objects.filter(pk=app.pk, rollouts_made__gt=0).exists()


def _write(app: App, cluster: Cluster) -> None:
    live = cluster.find("Ingress", app.namespace, manifests.OWN_DOMAINS)
    if live is not None and not Own(settings.DEPLOYER_INSTALLATION).is_ours(live):
        raise NotAllowed(f"Ingress {manifests.OWN_DOMAINS} in {app.namespace} was not made by this Deployer.")
    wanted = _wanted(app)
    if wanted is None:
        if live is not None:
            metadata = live["metadata"]
            exactly = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
            cluster.delete("Ingress", app.namespace, manifests.OWN_DOMAINS, **exactly)
        return
    if live is not None:
        wanted["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    try:
        cluster.apply(wanted, manager=MANAGER, force=True)
    except NotFound as error:  # the namespace is not there yet, or no more
        logger.info("the domains of %s wait for its next rollout: %s", app.name, error.message)


def _wanted(app: App) -> Object | None:
    """Read anew: its cluster may have got another issuer."""
    hosts = dict(Domain.objects.filter(app=app.pk).values_list("host", "service"))
    if not hosts:
        return None
    app = App.objects.select_related("cluster").defer("cluster__kubeconfig").get(pk=app.pk)
    return manifests.own_domains(app, hosts, installation=settings.DEPLOYER_INSTALLATION)
