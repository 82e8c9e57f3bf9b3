"""The list of all apps."""

from typing import Any

from django.db.models import OuterRef, Q, Subquery

from releases.models import App, Cluster, Release, Rollout
from releases.pages import status

SECTIONS = ("apps-list",)


def context() -> dict[str, Any]:
    """Four queries, however many apps there are. `rows`: one dict per app, by name."""
    newest_release = Release.objects.filter(app=OuterRef("pk")).values("pk")[:1]
    newest_rollout = Rollout.objects.filter(app=OuterRef("pk")).order_by("-number").values("pk")[:1]
    apps = list(
        App.objects.select_related("active_release__build", "cluster")
        .defer(
            "staged",
            "cluster__kubeconfig",
            "active_release__env",
            "active_release__manifest",
            "active_release__build__manifest",
        )
        .annotate(newest_release=Subquery(newest_release), newest_rollout=Subquery(newest_rollout))
    )
    of_apps = Q(pk__in=[app.newest_rollout for app in apps if app.newest_rollout])
    rollouts = {
        rollout.pk: rollout
        for rollout in Rollout.objects.filter(of_apps).defer(*Rollout.LARGE, "baseline", "squares", "evidence")
    }
    waiting = [app.newest_release for app in apps if app.newest_release not in (None, app.active_release_id)]
    releases = Release.objects.only("id", "description", "created_at").in_bulk(waiting)
    rows = [_row(app, rollouts.get(app.newest_rollout), releases.get(app.newest_release)) for app in apps]
    return {
        "rows": rows,
        "troubled": sorted({app.cluster for app in apps if app.cluster.problem}, key=str),
        "several_clusters": Cluster.objects.count() > 1,
        "no_cluster": not apps and not Cluster.objects.exists(),
    }


def _row(app: Any, rollout: Rollout | None, waiting: Release | None) -> dict[str, Any]:
    if rollout is not None:
        rollout.app = app  # so that asking for its address or status needs no query
    moving = rollout is not None and not rollout.is_finished
    word = rollout.app_status if rollout and moving else ("Running" if app.active_release_id else "Stopped")
    return {
        "app": app,
        "status": status.APP[word],
        "rollout": rollout,
        "rollout_status": status.ROLLOUT[rollout.status] if rollout else None,
        "waiting": None if moving else waiting,
    }
