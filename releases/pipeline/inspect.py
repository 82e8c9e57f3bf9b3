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
from releases.pipeline.app_output import masking
from releases.pipeline.app_output.spoken import is_output
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of
from releases.pipeline.volumes import Orphan


@dataclass(frozen=True)
class Process:
    """One running copy of a service, or (`is_run`) a one-off process with its image.

    `state`: ready, starting, broken, stopping; of a one-off process also ended. `reason` says why it is broken, `words`
    what the cluster says of it in any state. `node`: "" before it has a place.
    """

    name: str
    service: str
    release: str
    state: str
    restarts: int
    started_at: datetime | None
    reason: str = ""
    words: str = ""
    node: str = ""
    created_at: datetime | None = None
    is_run: bool = False


def processes(app: App, *, runs: bool = False) -> list[Process]:
    """Ordered by service and age; with `runs` the one-off processes behind them. Raises ClusterUnavailable."""
    items, _ = cluster_of(app).list_all("Pod", app.namespace, labels=manifests.OURS)
    mask = masking.of_app(app, map(pods.release, items))
    found = [_process(pod, mask) for pod in items if pods.service(pod) or (runs and pods.run_of(pod))]
    return sorted(found, key=lambda process: (process.is_run, process.service, str(process.started_at), process.name))


def sources(app: App) -> dict[str, str]:
    """Process → its service, "" for that of a timer: all whose output is the app's. Raises ClusterUnavailable."""
    items, _ = cluster_of(app).list_all("Pod", app.namespace, labels=manifests.OURS)
    return {pods.name(pod): pods.service(pod) for pod in items if is_output(pod)}


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


def entrances(app: App) -> dict[str, list[str]]:
    """Host → the addresses or names at which whoever serves its Ingress takes requests. Raises ClusterUnavailable."""
    ingresses, _ = cluster_of(app).list_all("Ingress", app.namespace, labels=manifests.OURS)
    found: dict[str, list[str]] = {}
    for ingress in filter(Own(settings.DEPLOYER_INSTALLATION).is_ours, ingresses):
        balancer = (ingress.get("status") or {}).get("loadBalancer") or {}
        at = [place.get("ip") or place.get("hostname") or "" for place in balancer.get("ingress") or []]
        for rule in ingress["spec"].get("rules") or []:
            found.setdefault(rule.get("host") or "", []).extend(filter(None, at))
    return found


def _process(pod: dict, mask: Mask) -> Process:
    ailment = pods.ailment(pod)
    ended = pods.last_exit(pod)
    reason = (ailment.message or ailment.reason) if ailment else pods.exit_words(ended) if ended else ""
    run, created = pods.run_of(pod), pod["metadata"]["creationTimestamp"]
    return Process(
        name=pods.name(pod),
        service=pods.service(pod) or run,
        release=pods.release(pod),
        state="ended" if run and pods.is_over(pod) else pods.state(pod),
        restarts=pods.container(pod).get("restartCount", 0),
        started_at=parse_datetime(pods.status(pod).get("startTime") or created),
        reason="" if pods.is_ready(pod) else mask.hide(reason),
        words=mask.hide(pods.state_words(pod)),
        node=pod["spec"].get("nodeName") or "",
        created_at=parse_datetime(created),
        is_run=bool(run),
    )
