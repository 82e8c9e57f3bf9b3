"""What ran before the first write: a restore must come back to this, and verdicts count from here."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from releases.clients.cluster import Cluster
from releases.models import LogLine, Rollout
from releases.pipeline import following, manifests
from releases.pipeline.ownership import Own

Object = dict[str, Any]
# Those that may have left what runs to nobody's intention.
UNSETTLED = ("cancelled", "superseded", "failed")
CHAIN = 20  # rollouts that look back for what was told: events are kept for an hour


@dataclass(frozen=True)
class Baseline:
    """`known`: per service desired, available, exits by pod, and the events told. `templates`: of each Deployment."""

    known: Object
    templates: dict[str, Object]


def of(rollout: Rollout, cluster: Cluster, objects: list[Object], own: Own) -> Baseline:
    """Inherited from one that left what runs to nobody's intention; else as the cluster reports it now."""
    return inherited(rollout) or _read(cluster, rollout.app.namespace, objects, own)


def inherited(rollout: Rollout) -> Baseline | None:
    """The state before a rollout that was replaced, or whose restore failed, counts; None when nothing is inherited."""
    earlier = Rollout.objects.filter(app=rollout.app_id, number__lt=rollout.number).order_by("-number")
    settled = earlier.exclude(status__in=UNSETTLED).values_list("number", flat=True).first() or 0
    columns = ("id", "app_id", "status", "progress", "baseline", "templates_before")
    for before in earlier.filter(number__gt=settled).only(*columns):
        turned_round = before.status == "failed" and "restore_since" in before.progress
        if turned_round or (before.status == "superseded" and before.baseline is not None):
            return Baseline(before.baseline, before.templates_before) if before.baseline is not None else None
    return None


def told_since(rollout: Rollout) -> dict[str, int]:
    """Event uid → count, of the events in the logs of the rollouts whose baseline this one may inherit."""
    earlier = Rollout.objects.filter(app=rollout.app_id, number__lt=rollout.number).order_by("-number").only("status")
    since = takewhile(lambda before: before.status not in ("succeeded", "rolled_back"), earlier[:CHAIN])
    lines = LogLine.objects.filter(owner__in=[before.owner for before in since], stream__startswith="system/k8s/")
    told: dict[str, int] = {}
    for key in lines.exclude(source_key=None).values_list("source_key", flat=True):
        uid, _, count = str(key).rpartition(" ")
        if count.isdigit():
            told[uid] = max(told.get(uid, 0), int(count))
    return told


def _read(cluster: Cluster, namespace: str, objects: list[Object], own: Own) -> Baseline:
    """Read directly: the mirror may lag behind what we are about to change."""
    deployments, replica_sets, pods = (
        cluster.list_all(kind, namespace, labels=manifests.OURS)[0] for kind in ("Deployment", "ReplicaSet", "Pod")
    )
    events, _ = cluster.list_all("Event", namespace)
    deployments = own.deployments(deployments)
    pods = own.pods(pods, own.replica_sets(replica_sets, deployments))
    by_name = {deployment["metadata"]["name"]: deployment for deployment in deployments}
    names = set(by_name) | {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Deployment"}
    of_service = {
        name: (by_name.get(name), [pod for pod in pods if pod["metadata"]["labels"].get(manifests.SERVICE) == name])
        for name in names
    }
    templates = {name: deployment["spec"]["template"] for name, deployment in by_name.items()}
    return Baseline(following.baseline(of_service, events), templates)
