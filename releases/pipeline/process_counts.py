"""How many processes of each service are ready, of all apps of a cluster at once: for lists, which ask no cluster.

One request per look at a cluster, however many apps live there. While a rollout runs its own squares say it better.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from releases import logs
from releases.models import App, Cluster
from releases.pipeline import manifests, reach
from releases.pipeline.ownership import Own
from releases.pipeline.processes import status
from releases.pipeline.service_state import replicas

Object = dict[str, Any]
# Service → [ready, wanted].
Counts = dict[str, list[int]]


def counted(deployments: Iterable[Object]) -> Counts:
    """Of one app. More than are wanted, as in the middle of a change, count as all of them. Pure."""
    found = {}
    for deployment in deployments:
        wanted = replicas(deployment)
        found[deployment["metadata"]["name"]] = [min(status(deployment).get("readyReplicas") or 0, wanted), wanted]
    return found


def settle(row: Cluster) -> None:
    """Write what its apps have now, where that has changed; pages draw themselves anew. Raises ClusterError."""
    own = Own(settings.DEPLOYER_INSTALLATION)
    deployments, _ = reach.connection_to(row).list_all("Deployment", labels=manifests.OURS)
    of: dict[str, list[Object]] = {}
    for deployment in own.deployments(deployments):
        of.setdefault(deployment["metadata"]["namespace"], []).append(deployment)
    for app in App.objects.filter(cluster=row).only("id", "name", "processes_seen"):
        now = counted(of.get(app.namespace, []))
        if now != app.processes_seen and App.objects.filter(pk=app.pk, cluster=row).update(processes_seen=now):
            logs.pages_changed(app.pk)
