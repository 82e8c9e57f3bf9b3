"""What can't be undone: discard what is staged, disconnect the repository, delete the app."""

from typing import Any

from releases import policy
from releases.models import App, Source
from releases.pages import volumes
from releases.pages.app_settings import frame
from releases.policy import Actor


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """`delete_refusals` hold while its cluster answers; `abandon_refusals` also when that is given up."""
    source = Source.objects.filter(app=app).only("id", "app_id", "url", "branch").first()
    return {
        **frame(app, "danger", "Danger zone", by=by),
        "staged": sorted(app.staged),
        "stage_refusals": policy.refusals("set_env", by=by, app=app),
        "source": source,
        "source_refusals": policy.refusals("manage_source", by=by, app=app),
        "delete_refusals": policy.refusals("delete_app", by=by, app=app),
        "abandon_refusals": policy.refusals("abandon_app", by=by, app=app),
        "lock": app.lock,
        "kept": _volumes(app),
        "orphaned": volumes.orphaned(app, by=by),
        "counts": _counts(app),
    }


def _counts(app: App) -> list[tuple[int, str]]:
    """What of it is in the database, in words for one and for several."""
    return [
        (app.releases.count(), "release,releases"),
        (app.builds.count(), "build,builds"),
        (app.rollouts_made, "rollout,rollouts"),
        (app.domains.count(), "domain of its own,domains of its own"),
        (app.deliveries.count(), "delivery,deliveries"),
    ]


def _volumes(app: App) -> list[tuple[str, str, int]]:
    """Service, name and GiB of each volume that the active release has."""
    services = app.active_release.manifest["services"] if app.active_release else {}
    return [
        (name, volume["name"], volume["size"])
        for name, service in sorted(services.items())
        for volume in service.get("volumes") or []
    ]
