"""What the cluster says of an app, in two rounds: its objects, then the log tails that these make worth reading."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.utils import timezone

from releases.clients.cluster import Cluster
from releases.errors import ClusterError, ClusterUnavailable
from releases.logs import Mask
from releases.models import App
from releases.models import Cluster as Row
from releases.pipeline import cluster_state, manifests, rights, volumes
from releases.pipeline.app_output import masking
from releases.pipeline.diagnosis import Options, Reported, Trouble
from releases.pipeline.diagnosis.shapes import tamed
from releases.pipeline.examination import log_tails, masked, objects
from releases.pipeline.ownership import Own
from releases.pipeline.reach import connection_to

VOLUMES_NAMED = 10


@dataclass(frozen=True)
class Examined:
    """`left`: kind → how many objects of it there are beside. `mask`: of all releases that may show in it."""

    reported: Reported
    mask: Mask
    troubles: tuple[Trouble, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)


def examine(app: App, options: Options, *, releases: Collection[str] = ()) -> Examined:
    """`releases`: IDs of those whose variables may show, besides those that the processes name.

    Never raises for what the cluster does: what can't be read is said.
    """
    row = app.cluster
    try:
        cluster = connection_to(row)
    except ClusterUnavailable as error:
        return _out_of_reach(app, error, releases)
    found = objects.read(cluster, app.namespace)
    if away := found.unreachable:
        return _out_of_reach(app, away, releases)
    mask = masking.of_app(app, {*releases, *_named(found)})
    unread = {kind: mask.hide(why) for kind, why in found.unread.items()}
    reported = masked.objects(tamed(Reported(now=cluster.now(), **found.lists, unread=unread)), mask)
    missing = found.missing_rights
    reported, may_read = _with_logs(cluster, app, reported, options, mask)
    if not may_read:
        missing.append("get pods/log")
    troubles = [*_no_rights(app, row, missing, reported.unread), *_orphans(app, reported)]
    return Examined(reported, mask, tuple(troubles), found.left)


def _named(found: objects.Objects) -> set[str]:
    """The releases of all processes, those that give way and one-off ones, too."""
    labelled = [obj for field in ("pods", "replica_sets", "jobs") for obj in found.lists.get(field, [])]
    labels = [(obj.get("metadata") or {}).get("labels") for obj in labelled]
    named = {each.get(manifests.RELEASE) for each in labels if isinstance(each, dict)}
    return {name for name in named if isinstance(name, str)}


def _with_logs(cluster: Cluster, app: App, reported: Reported, options: Options, mask: Mask) -> tuple[Reported, bool]:
    """And whether we may read them."""
    wanted = log_tails.wanted(reported, options)
    tails = log_tails.read(cluster, app.namespace, reported.pods, wanted, mask, lines=options.lines)
    unread = {**reported.unread, "logs": mask.hide(tails.unread)} if tails.unread else reported.unread
    return replace(reported, logs=tails.logs, unread=unread), not tails.forbidden


def _out_of_reach(app: App, error: ClusterError, releases: Collection[str]) -> Examined:
    seen = cluster_state.why(error, app.cluster)
    trouble = Trouble(
        "cluster_unreachable",
        app.cluster.name,
        seen.problem,
        seen.hint,
        page=app.cluster.get_absolute_url(),
        values={"message": error.message, "status": error.status},
    )
    unread = dict.fromkeys(objects.FIELDS, "the cluster can't be reached")
    return Examined(Reported(now=timezone.now(), unread=unread), masking.of_app(app, releases), (trouble,))


def _no_rights(app: App, row: Row, missing: list[str], unread: Mapping[str, str]) -> list[Trouble]:
    if not missing:
        return []
    observed = f"Deployer may not {', '.join(missing)} in the namespace {app.namespace}."
    values = {"missing": missing, "answer": next(iter(unread.values()), "")}
    return [Trouble("no_rights", row.name, observed, rights.HINT, page=row.get_absolute_url(), values=values)]


def _orphans(app: App, reported: Reported) -> list[Trouble]:
    if reported.unread.keys() & {"Deployment", volumes.KIND}:
        return []
    own = Own(settings.DEPLOYER_INSTALLATION)
    claims, deployments = (list(filter(own.is_ours, kind)) for kind in (reported.claims, reported.deployments))
    found = volumes.orphans(claims, deployments)
    if not found:
        return []
    named = ", ".join(f"{orphan.name} ({orphan.size})" for orphan in found[:VOLUMES_NAMED])
    more = f" and {len(found) - VOLUMES_NAMED} more" if len(found) > VOLUMES_NAMED else ""
    return [
        Trouble(
            "volumes_orphaned",
            found[0].name,
            f"No service uses {named}{more}.",
            "Delete in the cluster what is not needed any more: Deployer never deletes a volume by itself.",
            values={"volumes": [orphan.name for orphan in found[:VOLUMES_NAMED]]},
        )
    ]
