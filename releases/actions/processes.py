"""What runs: look, scale, restart, stop."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from releases import audit, logs, policy
from releases.errors import Invalid, NotAllowed
from releases.models import App, Release
from releases.models.locks import locked
from releases.pipeline import inspect, operate
from releases.pipeline.inspect import Process
from releases.pipeline.volumes import Orphan
from releases.policy import Actor

COUNT_MAX = 1000


def processes(app: App, *, by: Actor, runs: bool = False) -> list[Process]:
    """The app's processes as the cluster reports them now; with `runs` also the one-off ones. Raises
    ClusterUnavailable."""
    policy.require("view", by=by, app=app)
    return inspect.processes(app, runs=runs)


def orphaned_volumes(app: App, *, by: Actor) -> list[Orphan]:
    """The app's volumes that no service uses any more. Raises ClusterUnavailable."""
    policy.require("view", by=by, app=app)
    return inspect.orphaned_volumes(app)


def scale(app: App, service: str, count: int, *, by: Actor) -> None:
    """Run `count` processes of `service`, now and in later releases. Raises Invalid, NotAllowed, ClusterUnavailable."""
    policy.require("scale", by=by, app=app)
    if not 0 <= count <= COUNT_MAX:
        raise Invalid(f"{count} processes can't be: a whole number from 0 to {COUNT_MAX}.")
    release = app.active_release or app.releases.first()
    services = sorted(release.manifest["services"]) if release else []
    if service not in services:
        known = f"it has {', '.join(services)}" if services else "it has no release yet"
        raise Invalid(f"{app.name} has no service {service[:60]}: {known}.")
    _refuse_by_manifest(app, release, service, count)
    operate.scalable(app, service, count)
    audit.record("scale", by=by, app=app, subject=service, count=count)
    operate.scale(app, service, count)
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        App.objects.filter(pk=app.pk).update(scale={**app.scale, service: count})
        logs.pages_changed(app.pk)


def restart(app: App, services: Sequence[str] = (), *, by: Actor) -> tuple[list[str], datetime]:
    """Have the processes of these services, or of all, replaced, as gently as by a rollout, but by no new release.

    Gives the services, and the moment: older processes of them go. It has whole seconds, as the cluster's times have:
    else those made right after it would look older. Raises NotAllowed, also while a rollout runs; WrongState where
    nothing runs; Invalid, ClusterUnavailable, Refused.
    """

    def require() -> None:
        policy.require("restart", by=by, app=app)

    require()
    now = timezone.now()
    running = operate.restartable(app, services)
    audit.record("restart", by=by, app=app, services=list(running))
    operate.restart(app, running, now.isoformat(), still_allowed=require)
    logs.pages_changed(app.pk)
    return list(running), now.replace(microsecond=0)


def stop_process(app: App, name: str, *, by: Actor) -> None:
    """End one process: of a service, another one takes its place. Raises NotAllowed, NotFound, ClusterUnavailable."""
    policy.require("stop_process", by=by, app=app)
    process = operate.stoppable(app, name)
    audit.record("stop_process", by=by, app=app, subject=name, service=process.service)
    operate.stop_process(app, process)
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
