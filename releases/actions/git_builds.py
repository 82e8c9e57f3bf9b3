"""Builds of a commit: of a person's choice, or because of a push."""

import re
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions.build_queue import start_next_build
from releases.errors import Invalid
from releases.models import App, Build, Source
from releases.models.build import GIT, PULL_REQUEST, WAITING
from releases.models.locks import locked
from releases.models.storable import fitted
from releases.pipeline.pushes.facts import HEADS
from releases.pipeline.pushes.rules import Wanted, superseded_by
from releases.pipeline.repositories import checked_ref
from releases.policy import Actor

COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")
WHOLE = 40


def create_build_from_git(
    app: App,
    *,
    by: Actor,
    ref: str = "",
    commit: str = "",
    description: str = "",
    promote: bool = False,
    replace: bool = False,
    note: str = "",
) -> Build:
    """A queued build of one commit of the app's repository; without both of what its branch leads to then.

    `ref`: a branch or tag; `commit`: 7 to 40 digits of its name. What they mean is asked by the worker, so that nobody
    waits for a slow server here. Raises Invalid, SourceFailed (no such name can be), NotAllowed.
    """
    policy.require("create_build", by=by, app=app)
    if promote:
        policy.require_right("promote", by=by, app=app)  # a token that may build only can't have it done for it
    if ref and commit:
        raise Invalid("Give a branch or tag, or a commit: not both.")
    if commit and not COMMIT.match(commit := commit.lower()):
        raise Invalid("A commit is named by 7 to 40 digits: 0-9, a-f.")
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("create_build", by=by, app=app)
        source = Source.objects.filter(app=app).first()
        if source is None:
            raise Invalid(f"{app.name} has no repository yet: connect one first.")
        whole = commit if len(commit) == WHOLE else ""
        asked = "" if whole else commit or checked_ref(ref or HEADS + source.branch)
        return _queued(
            app,
            source,
            by=by,
            origin=GIT,
            commit=whole,
            ref=asked,
            description=description,
            promote=promote,
            replace=replace,
            note=note,
        )


def build_again(build: Build, *, by: Actor) -> Build:
    """A queued build of the very same commit: of the same ref where that had not been looked up. It promotes nothing.

    Of a pull request it is one of a pull request again, so that it makes no release. Raises NotAllowed.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=build.app_id)
        policy.require("create_build", by=by, app=app, again=build)
        return _queued(
            app,
            Source.objects.get(app=app),
            by=by,
            again=build.pk,
            origin=PULL_REQUEST if build.origin == PULL_REQUEST else GIT,
            commit=build.commit,
            ref=build.ref,
            subject=build.subject,
            description=build.description,
        )


def build_for_push(app: App, source: Source, wanted: Wanted, *, label: str) -> Build:
    """The app is locked. Those of the same branch that still wait in the queue are superseded by this one.

    One that runs goes on: were it ended whenever somebody pushes, an app that is pushed to more often than it builds
    would never be built at all. Raises NotAllowed where too many wait.
    """
    _supersede_queued(app, wanted)
    by = policy.automatic(label)
    policy.require("create_build", by=by, app=app)
    waits = wanted.promote and source.wait_for_checks
    due = timezone.now() + timedelta(seconds=settings.CHECKS_SECONDS)
    return _queued(
        app,
        source,
        by=by,
        origin=wanted.origin,
        commit=wanted.commit,
        ref=wanted.ref,
        subject=wanted.subject,
        promote=wanted.promote,
        checks=WAITING if waits else "",
        checks_due=due if waits else None,
    )


def _queued(app: App, source: Source, *, by: Actor, again: str = "", **columns: object) -> Build:
    """`again`: the ID of the build that it repeats."""
    build = Build(app=app, repository=source.url, **fitted(Build, columns), **by.columns())
    build.save(force_insert=True)
    what = {"commit": build.commit} if build.commit else {"ref": build.ref}
    if again:
        what["again"] = again
    audit.record("create_build", by=by, app=app, subject=build.pk, promote=build.promote, origin=build.origin, **what)
    queues.enqueue_build(build)
    logs.pages_changed(app.pk)
    return build


def _supersede_queued(app: App, wanted: Wanted) -> None:
    words = superseded_by(wanted.commit)
    waiting = app.builds.filter(status="queued", ref=wanted.ref, origin__in=Build.AUTOMATIC)
    for build in locked(waiting.order_by("pk")):
        logs.append(build, [logs.Line("build", f"{words.capitalize()}.")])
        build.transition("superseded", reason=f"{words.capitalize()}.")
        build.deliveries.update(decision=words)
        # Whose turn it is now may have come too early before.
        transaction.on_commit(partial(start_next_build, app.pk), robust=True)
