"""The clusters: all of them, and one."""

from typing import Any

from django.db.models import Count

from releases import policy
from releases.models import Cluster
from releases.models.cluster import EMBEDDED, IN_CLUSTER
from releases.pages import status
from releases.pipeline.cluster_state import Finding, Seen
from releases.policy import Actor

LIST_SECTIONS = ("clusters-list",)
SECTIONS = ("cluster-head", "cluster-state")
APPS_SHOWN = 50
KINDS = {EMBEDDED: "this server's kubeconfig file", IN_CLUSTER: "the one that Deployer runs in"}


def list_context() -> dict[str, Any]:
    """`rows`: one dict per cluster, by name."""
    clusters = Cluster.objects.annotate(app_count=Count("apps")).defer("kubeconfig").order_by("name")
    return {"rows": [{"cluster": row, "status": status.CLUSTER[row.state], "kind": kind(row)} for row in clusters]}


def context(row: Cluster, *, by: Actor) -> dict[str, Any]:
    apps = list(row.apps.only("id", "name", "cluster_id")[: APPS_SHOWN + 1])
    shown = status.CLUSTER[row.state]
    return {
        "cluster": row,
        "kind": kind(row),
        "status": shown,
        "tab": f"{shown.icon} {row.name}",
        "apps": apps[:APPS_SHOWN],
        "more_apps": len(apps) > APPS_SHOWN,
        "manage_refusals": policy.refusals("manage_clusters", by=by),
    }


def tested(seen: Seen, findings: list[Finding]) -> dict[str, Any]:
    """What a connection test found. `lacking`: resource → the verbs that we lack on it."""
    lacking: dict[str, list[str]] = {}
    missing = [finding for finding in findings if finding.right and finding.state == "missing"]
    for finding in missing:
        verb, _, resource = finding.words.partition(" ")
        lacking.setdefault(resource, []).append(verb)
    return {
        "problem": seen.problem or (f"{len(missing)} rights are missing there." if missing else ""),
        "hint": seen.hint or next((finding.hint for finding in missing), ""),
        "general": [finding for finding in findings if not finding.right and finding.state != "missing"],
        "lacking": lacking,
        "findings": findings,
    }


def kind(row: Cluster) -> str:
    """How it is reached, in words."""
    return KINDS.get(row.kind, "a kubeconfig")
