"""The registries: all of them, and one."""

from typing import Any

from django.db.models import Count

from releases import policy
from releases.models import Registry
from releases.pages import status
from releases.pipeline import registry_removal
from releases.pipeline.cluster_state import Finding, Seen
from releases.policy import Actor

LIST_SECTIONS = ("registries-list",)
SECTIONS = ("registry-head", "registry-state")
APPS_SHOWN = 50


def list_context() -> dict[str, Any]:
    """`rows`: one dict per registry, by name."""
    registries = Registry.objects.annotate(app_count=Count("apps")).defer("password").order_by("name")
    return {"rows": [{"registry": row, "status": status.REGISTRY[row.state]} for row in registries]}


def context(row: Registry, *, by: Actor) -> dict[str, Any]:
    apps = list(row.apps.only("id", "name", "registry_id").order_by("name")[: APPS_SHOWN + 1])
    shown = status.REGISTRY[row.state]
    return {
        "registry": row,
        "status": shown,
        "tab": f"{shown.icon} {row.name}",
        "apps": apps[:APPS_SHOWN],
        "more_apps": len(apps) > APPS_SHOWN,
        "manage_refusals": policy.refusals("manage_registries", by=by),
        **_old_images(row),
    }


def _old_images(row: Registry) -> dict[str, Any]:
    """How many are to go from it, why the newest is still there, and how many are left there for good."""
    going = registry_removal.at(row)
    waiting = going.filter(given_up_at=None)
    last = waiting.exclude(note="").order_by("-tried_at").first()
    return {
        "going": waiting.count(),
        "going_note": last.note if last else "",
        "given_up": going.exclude(given_up_at=None).count(),
    }


def tested(seen: Seen, findings: list[Finding]) -> dict[str, Any]:
    """What a connection test found; what is missing is said as the problem."""
    shown = [finding for finding in findings if finding.state != "missing"]
    return {"problem": seen.problem, "hint": seen.hint, "findings": shown}
