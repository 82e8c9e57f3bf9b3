"""Create and delete apps."""

import re
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from releases import audit, logs, policy
from releases.errors import DeployerError, Invalid, Taken
from releases.models import App, LogLine
from releases.models.app import NAME_MAX, NAME_PATTERN
from releases.pipeline import operate
from releases.pipeline.build import upload_of
from releases.policy import Actor

RESERVED = {"new"}


def create_app(name: str, *, by: Actor) -> App:
    """Raises Invalid (the name is no DNS label), Taken, NotAllowed."""
    policy.require("create_app", by=by)
    if len(name) > NAME_MAX or not re.match(NAME_PATTERN, name):
        raise Invalid(
            f"“{name[:60]}” can't be an app's name: small letters, digits and hyphens, beginning with a letter, "
            f"not ending with a hyphen, at most {NAME_MAX} characters."
        )
    if name in RESERVED:
        raise Invalid(f"“{name}” can't be an app's name: Deployer's own pages use it.")
    try:
        with transaction.atomic():
            app = App.objects.create(name=name, **by.columns())
            audit.record("create_app", by=by, app=app, subject=name)
            logs.pages_changed(app.pk)
    except IntegrityError as error:
        raise Taken(f"There is an app {name} already.") from error
    return app


def delete_app(app: App, *, by: Actor) -> None:
    """Everything of it: what runs, its volumes, its history.

    Raises NotAllowed, and ClusterUnavailable: then nothing is lost.
    """
    with transaction.atomic():
        app = App.objects.select_for_update().get(pk=app.pk)
        policy.require("delete_app", by=by, app=app)
        App.objects.filter(pk=app.pk).update(deleting_at=timezone.now())  # from here on nothing begins any more
    try:
        operate.remove(app)
    except DeployerError:
        App.objects.filter(pk=app.pk).update(deleting_at=None)
        raise
    with transaction.atomic():
        owners = [build.owner for build in app.builds.only("id")] + [
            rollout.owner for rollout in app.rollouts.only("id")
        ]
        for start in range(0, len(owners), 500):
            LogLine.objects.filter(owner__in=owners[start : start + 500]).delete()
        for build in app.builds.only("id"):
            transaction.on_commit(partial(upload_of(build).unlink, missing_ok=True), robust=True)
        audit.record("delete_app", by=by, app=app, subject=app.name)
        logs.pages_changed(app.pk)
        app.delete()
