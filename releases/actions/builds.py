"""Builds: from an upload to a release, and to its promotion where that was asked for."""

import logging
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions import next_release, pushes, stopping
from releases.actions.build_queue import start_next_build
from releases.errors import Invalid, NotAllowed, WrongState
from releases.models import App, Build, Release
from releases.models.build import GREEN, PULL_REQUEST, WAITING
from releases.models.locks import locked
from releases.pipeline.build import Result, upload_of
from releases.policy import Actor

logger = logging.getLogger(__name__)
CHUNK = 1024**2
GZIP_MAGIC = b"\x1f\x8b"


def create_build(
    app: App,
    *,
    source: BinaryIO,
    by: Actor,
    description: str = "",
    commit: str = "",
    subject: str = "",
    dirty: bool = False,
    promote: bool = False,
    replace: bool = False,
    note: str = "",
) -> Build:
    """A queued build of the tar.gz in `source`. Raises Invalid (no gzip, or too large), NotAllowed."""
    policy.require("create_build", by=by, app=app)
    if promote:
        policy.require_right("promote", by=by, app=app)  # a token that may build only can't have it done for it
    build = Build(
        app=app,
        description=description[:300],
        commit=commit[:40],
        subject=subject.split("\n", 1)[0][:200],
        dirty=dirty,
        promote=promote,
        replace=replace,
        note=note[:500],
        **by.columns(),
    )
    path = upload_of(build)
    try:
        build.source_bytes = _store(source, path)
        with transaction.atomic():
            policy.require("create_build", by=by, app=locked(App.objects.all()).get(pk=app.pk))
            build.save(force_insert=True)
            audit.record("create_build", by=by, app=app, subject=build.pk, promote=promote)
            queues.enqueue_build(build)
            logs.pages_changed(app.pk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return build


def cancel_build(build: Build, *, by: Actor) -> None:
    """At once if it has not begun, else within moments. Raises NotAllowed; WrongState when it is over."""
    policy.require("cancel_build", by=by, app=build.app)
    with transaction.atomic():
        build = locked(Build.objects.all()).get(pk=build.pk)
        if build.is_finished:
            raise WrongState(f"Build {build.pk} is over already: {build.status}.")
        if build.status == "queued":
            build.transition("cancelled", reason=f"Cancelled by {by.label}.")
            transaction.on_commit(lambda: upload_of(build).unlink(missing_ok=True), robust=True)
        else:
            build.write(cancel_requested_at=timezone.now())
        audit.record("cancel_build", by=by, app=build.app, subject=build.pk)
    logs.nudge(logs.topic(build.owner))
    logs.pages_changed(build.app_id)
    start_next_build(build.app_id)


def finish_build(build: Build, result: Result) -> Release | None:
    """The release, the build's end and the promote that was asked for: all in one transaction, so that a worker's
    death loses none of them and does none twice. A promote that policy refuses leaves its reasons on the build.

    A pull request's build makes no release: nobody should promote by accident what nobody has merged.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=build.app_id)
        lines = [logs.Line("build", f"Build: {build.pk}")]
        release: Release | None = None
        refused: list[str] = []
        if build.origin != PULL_REQUEST:
            release = _release_of(build, result, app)
            refused, said = _promote(release, build, app) if build.promote else ([], [])
            lines.append(logs.Line("build", f"Release: {release.pk}"))
            lines += [logs.Line("system/deployer", words) for words in said]
        logs.append(build, lines)
        build.transition(
            "succeeded",
            manifest=result.manifest,
            images=result.images,
            refusals=refused,
            reason=f"Release {release.pk}." if release else "It builds. A pull request makes no release.",
        )
    return release


def _release_of(build: Build, result: Result, app: App) -> Release:
    return Release.objects.create(
        app=app,
        build=build,
        manifest=result.manifest,
        images=result.images,
        env=app.with_staged(app.environment()),
        description=build.title[:300],
        **policy.author_of(build).columns(),
    )


def _promote(release: Release, build: Build, app: App) -> tuple[list[str], list[str]]:
    """Now, or when what runs has ended. Gives why not, and what the build's log says of it."""
    build.refresh_from_db(fields=["checks", "checks_words"])  # GitHub may have told meanwhile
    if build.checks == WAITING:
        return [], [f"{release.pk} is promoted once the checks of {build.commit[:7]} are green."]
    if build.checks not in ("", GREEN):
        return [build.checks_words], [f"Not promoted: {build.checks_words}"]
    stopping.settle(app)
    try:
        with transaction.atomic():
            if build.is_automatic:
                begun = pushes.promote_by_itself(release, build, app)
            else:
                by = policy.author_of(build)
                promoted = next_release.promote_when_free(release, by=by, note=build.note, replace=build.replace)
                begun = promoted is not None
    except NotAllowed as refusal:
        reasons = refusal.reasons or [refusal.message]
        return reasons, [f"Not promoted: {reason}" for reason in reasons]
    if begun:
        return [], []
    running = "the rollout that runs now is over" if app.unfinished_rollout else ""
    when = " and ".join(filter(None, [running, next_release.unlocking(app)]))
    return [], [f"{release.pk} is promoted when {when}."]


def _store(source: BinaryIO, path: Path) -> int:
    """Copy the upload to where the worker finds it. Gives its size in bytes."""
    start = source.read(len(GZIP_MAGIC))
    if start != GZIP_MAGIC:
        raise Invalid("The source is not a .tar.gz archive.")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as target:
        target.write(start)
        while data := source.read(CHUNK):
            target.write(data)
            if target.tell() > settings.UPLOAD_MAX_BYTES:
                raise Invalid(f"The source is larger than {settings.UPLOAD_MAX_BYTES // 1024**2} MiB.")
        return target.tell()
