"""Whose variables may show in what an app writes."""

from collections.abc import Iterable

from releases.logs import Mask
from releases.models import App, Release


def of_app(app: App, releases: Iterable[str]) -> Mask:
    """For the output of processes of these releases, by ID, and of what is active or on its way."""
    rollout = app.unfinished_rollout
    known = [release for release in (app.active_release, rollout.release if rollout else None) if release]
    others = {key for key in releases if key} - {release.pk for release in known}
    return Mask.of(*known, *(Release.objects.filter(app=app, pk__in=others) if others else ()))
