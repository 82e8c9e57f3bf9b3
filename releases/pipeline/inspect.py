"""Read the cluster for a page: what runs now."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.dateparse import parse_datetime

from releases.clients.cluster import connect
from releases.logs import Mask
from releases.models import App
from releases.pipeline import manifests, volumes
from releases.pipeline import processes as pods
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of
from releases.pipeline.volumes import Orphan


@dataclass(frozen=True)
class Process:
    """One running copy of a service. `state`: ready, starting, broken or stopping; `reason` says why it is broken."""

    name: str
    service: str
    release: str
    state: str
    restarts: int
    started_at: datetime | None
    reason: str = ""


def processes(app: App) -> list[Process]:
    """Ordered by service and age. Raises ClusterUnavailable."""
    items, _ = cluster_of(app).list_all("Pod", app.namespace, labels=manifests.OURS)
    rollout = app.unfinished_rollout
    mask = Mask.of(rollout.release if rollout else None, app.active_release)
    found = [_process(pod, mask) for pod in items if pods.service(pod)]
    return sorted(found, key=lambda process: (process.service, str(process.started_at), process.name))


def embedded_version() -> str:
    """That of the cluster of DEPLOYER_KUBECONFIG, whether a row names it or not. Raises ClusterUnavailable."""
    return connect(settings.DEPLOYER_KUBECONFIG).version()


def orphaned_volumes(app: App) -> list[Orphan]:
    """Those that no service uses any more, by name: only a person deletes them. Raises ClusterUnavailable."""
    cluster, own = cluster_of(app), Own(settings.DEPLOYER_INSTALLATION)
    claims, deployments = (
        list(filter(own.is_ours, cluster.list_all(kind, app.namespace, labels=manifests.OURS)[0]))
        for kind in (volumes.KIND, "Deployment")
    )
    return volumes.orphans(claims, deployments)


def _process(pod: dict, mask: Mask) -> Process:
    ailment = pods.ailment(pod)
    ended = pods.last_exit(pod)
    reason = (ailment.message or ailment.reason) if ailment else pods.exit_words(ended) if ended else ""
    return Process(
        name=pods.name(pod),
        service=pods.service(pod),
        release=pods.release(pod),
        state=pods.state(pod),
        restarts=pods.container(pod).get("restartCount", 0),
        started_at=parse_datetime(pod["status"].get("startTime") or pod["metadata"]["creationTimestamp"]),
        reason="" if pods.is_ready(pod) else mask.hide(reason),
    )
