"""One build."""

from typing import Any

from django.utils import timezone

from releases import actions, policy
from releases.models import Build
from releases.pages import status
from releases.pages.durations import seconds_taken
from releases.pages.origin import origin
from releases.policy import Actor

SECTIONS = ("build-head", "build-result", "build-facts")


def context(build: Build, *, by: Actor) -> dict[str, Any]:
    taken = seconds_taken(build)
    shown = status.BUILD[build.status]
    return {
        "build": build,
        "status": shown,
        "seconds": taken if taken is not None else (timezone.now() - build.created_at).total_seconds(),
        "tab": f"{shown.icon} {build.pk} · {build.app.name}",
        "release": build.releases.filter(rolled_back_to=None).only("id", "app_id").order_by("created_at").first(),
        "origin": origin(build),
        "place": actions.queue_place(build, by=by),
        "cancel_refusals": policy.refusals("cancel_build", by=by, app=build.app),
    }
