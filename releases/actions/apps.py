"""Create and delete apps."""

import re
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from releases import audit, logs, policy
from releases.actions.clusters import chosen_cluster
from releases.errors import DeployerError, Invalid, Taken
from releases.models import App, LogLine
from releases.models.app import NAME_MAX, NAME_PATTERN
from releases.models.locks import locked
from releases.pipeline import operate, pushed_images
from releases.pipeline.build import upload_of
from releases.policy import Actor

RESERVED = {"new"}


def create_app(name: str, *, by: Actor, cluster: str = "") -> App:
    """`cluster`: the name of the one that it lives in; may be blank when there is one only, or a default.

    Raises Invalid (the name is no DNS label, there is no such cluster), Taken, NotAllowed.
    """
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
            home = chosen_cluster(cluster)
            app = App.objects.create(name=name, cluster=home, **by.columns())
            audit.record("create_app", by=by, app=app, subject=name, cluster=home.name)
            logs.pages_changed(app.pk)
    except IntegrityError as error:
        raise Taken(f"There is an app {name} already.") from error
    return app


def delete_app(app: App, *, by: Actor, abandon: bool = False) -> list[str]:
    """Everything of it: what runs, its volumes with all that is in them, its history.

    Raises NotAllowed, and ClusterUnavailable: then nothing is lost. `abandon`: goes on all the same, for a cluster that
    won't come back, and ends a rollout that waits for it. Gives what was left behind, in words.
    """
    with transaction.atomic():
        app = _locked(app)
        policy.require("abandon_app" if abandon else "delete_app", by=by, app=app)
        App.objects.filter(pk=app.pk).update(deleting_at=timezone.now())  # from here on nothing begins any more
    left = []
    try:
        operate.remove(app)
    except DeployerError as error:
        if not abandon:
            App.objects.filter(pk=app.pk).update(deleting_at=None)
            raise
        left = [f"Namespace {app.namespace}, with what is in it, was left behind: {error.message}"]
    with transaction.atomic():
        app = _locked(app)
        builds = list(app.builds.only("id", "status"))
        owners = [row.owner for row in [*builds, *app.rollouts.only("id")]]
        for build in builds:
            transaction.on_commit(partial(upload_of(build).unlink, missing_ok=True), robust=True)
        audit.record("delete_app", by=by, app=app, subject=app.name, left=left)
        logs.pages_changed(app.pk)
        app.delete()
        # Last: whoever appended meanwhile has done so by now, and can't any more.
        for start in range(0, len(owners), 500):
            LogLine.objects.filter(owner__in=owners[start : start + 500]).delete()
        must_have_ended = timezone.now() + timedelta(seconds=settings.BUILD_DEADLINE)  # whoever carries one may push
        pushed_images.let_go(build.pk for build in builds if build.is_finished)
        pushed_images.let_go((build.pk for build in builds), must_have_ended)
    return left


def _locked(app: App) -> App:
    found = locked(App.objects.filter(pk=app.pk)).first()
    if found is None:
        raise Invalid(f"{app.name} is deleted already.")
    return found
