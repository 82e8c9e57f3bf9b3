"""What runs: look and scale."""

from django.db import transaction

from releases import audit, logs, policy
from releases.errors import Invalid
from releases.models import App
from releases.pipeline import inspect, operate
from releases.pipeline.inspect import Process
from releases.policy import Actor

COUNT_MAX = 1000


def processes(app: App, *, by: Actor) -> list[Process]:
    """The app's processes as the cluster reports them now. Raises ClusterUnavailable."""
    policy.require("view", by=by)
    return inspect.processes(app)


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
    operate.scale(app, service, count)
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=app.pk)
        App.objects.filter(pk=app.pk).update(scale={**app.scale, service: count})
        audit.record("scale", by=by, app=app, subject=service, count=count)
        logs.pages_changed(app.pk)
