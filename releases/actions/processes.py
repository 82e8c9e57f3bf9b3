"""What runs: look and scale."""

from django.db import transaction

from releases import audit, logs, policy
from releases.errors import Invalid, NotAllowed
from releases.models import App, Release
from releases.models.locks import locked
from releases.pipeline import inspect, operate
from releases.pipeline.inspect import Process
from releases.pipeline.volumes import Orphan
from releases.policy import Actor

COUNT_MAX = 1000


def processes(app: App, *, by: Actor) -> list[Process]:
    """The app's processes as the cluster reports them now. Raises ClusterUnavailable."""
    policy.require("view", by=by)
    return inspect.processes(app)


def orphaned_volumes(app: App, *, by: Actor) -> list[Orphan]:
    """The app's volumes that no service uses any more. Raises ClusterUnavailable."""
    policy.require("view", by=by)
    return inspect.orphaned_volumes(app)


def scale(app: App, service: str, count: int, *, by: Actor) -> None:
    """Run `count` processes of `service`, now and in later releases. Raises Invalid, NotAllowed, ClusterUnavailable."""
    policy.require("scale", by=by)
    if not 0 <= count <= COUNT_MAX:
        raise Invalid(f"{count} processes can't be: a whole number from 0 to {COUNT_MAX}.")
    release = app.active_release or app.releases.first()
    services = sorted(release.manifest["services"]) if release else []
    if service not in services:
        known = f"it has {', '.join(services)}" if services else "it has no release yet"
        raise Invalid(f"{app.name} has no service {service[:60]}: {known}.")
    _refuse_by_manifest(app, release, service, count)
    operate.scale(app, service, count)
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        App.objects.filter(pk=app.pk).update(scale={**app.scale, service: count})
        audit.record("scale", by=by, app=app, subject=service, count=count)
        logs.pages_changed(app.pk)


def _refuse_by_manifest(app: App, release: Release | None, service: str, count: int) -> None:
    """What the cluster can't know yet: of a release that is on its way, or before there is any."""
    running = app.unfinished_rollout
    for found in filter(None, (release, running.release if running else None)):
        section = found.manifest["services"].get(service)
        if section and section["volumes"] and count > 1:
            raise NotAllowed(f"{service} has a volume, so at most one process of it may run.")
        if section and section["scale"]["max"] and app.active_release is None:
            least, most = section["scale"]["count"], section["scale"]["max"]
            raise NotAllowed(
                f"The manifest gives {service} a range of {least} to {most} processes, between which its autoscaler "
                "will decide: change scale.count there."
            )
