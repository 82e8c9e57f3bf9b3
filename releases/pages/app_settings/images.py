"""Which registry the images of an app's builds go to."""

from typing import Any

from releases import policy
from releases.models import App, Registry
from releases.models.cluster import EMBEDDED
from releases.pages import status
from releases.pages.app_settings import frame
from releases.policy import Actor


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """`used`: the one that images go to now; None where there is none, or `is_embedded` and none is needed."""
    is_embedded = app.cluster.kind == EMBEDDED
    registries = [] if is_embedded else list(Registry.objects.defer("password").order_by("name"))
    used = next((row for row in registries if row.pk == app.registry_id), None)
    default = next((row for row in registries if row.is_default), None)
    shown = used or (default if app.registry_id is None else None)
    return {
        **frame(app, "registry", "Registry", by=by),
        "is_embedded": is_embedded,
        "registries": registries,
        "default": default,
        "used": shown,
        "used_status": status.REGISTRY[shown.state] if shown else None,
        "registry_refusals": policy.refusals("manage_registries", by=by),
    }
