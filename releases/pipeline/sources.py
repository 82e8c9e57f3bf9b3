"""A build's source: unpacked from its upload, or fetched from its repository at exactly one commit."""

import time
from functools import partial
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from releases.clients import archive, git
from releases.errors import BuildFailed, SourceFailed
from releases.models import Build, Source
from releases.models.build import RECONCILER, UPLOAD
from releases.pipeline.build_log import BuildLog, Cancelled, once_it_answers
from releases.pipeline.pushes.facts import skip_marker
from releases.pipeline.repositories import repository_of

# A network that is away for a moment should not cost a push its build.
PAUSES = (2.0, 10.0, 30.0)
LOOK_SECONDS = 0.2


class Skipped(Cancelled):
    """Its commit asks not to be built. The message is the reason."""


def upload_of(build: Build) -> Path:
    """Where the source of `build` lies until it is over, if somebody sent it."""
    return Path(settings.DEPLOYER_UPLOADS) / f"{build.pk}.tar.gz"


def bring(build: Build, folder: Path, log: BuildLog) -> None:
    """The source into the empty `folder`. Raises BuildFailed, Cancelled, Stale."""
    log.check()
    if build.origin == UPLOAD:
        _unpack(build, folder, log)
    else:
        _fetch(build, folder, log)


def _unpack(build: Build, folder: Path, log: BuildLog) -> None:
    upload = upload_of(build)
    if not upload.is_file():
        raise BuildFailed("The uploaded source is gone: upload it again.", faultless=True)
    limits = {"max_bytes": settings.SOURCE_MAX_BYTES, "max_files": settings.SOURCE_MAX_FILES}
    files, size = archive.unpack(upload, folder, **limits)
    if not files:
        raise BuildFailed("The source is empty.")
    log.say(f"Unpacked {_amount(files, size)}")


def _fetch(build: Build, folder: Path, log: BuildLog) -> None:
    """A trouble that passes by itself is waited for, a little."""
    for seconds in (*PAUSES, None):
        try:
            return _fetch_once(build, folder, log)
        except SourceFailed as error:
            if seconds is None or not error.passing:
                raise
            log.say(f"{error.message} Trying again in {seconds:g} s.")
        _wait(seconds, log)


def _fetch_once(build: Build, folder: Path, log: BuildLog) -> None:
    source = once_it_answers(Source.objects.filter(app_id=build.app_id).first)
    if source is None or source.url != build.repository:
        raise BuildFailed("The app's repository was changed since this build was asked for: ask for it anew.")
    repository = repository_of(source, stop=log.check)
    if not build.commit:
        point = repository.resolve(build.ref)
        _write(build, commit=point.commit, ref=point.ref or build.ref)
        log.say(f"{build.ref} is at {point.commit}")
    ref = build.ref if build.ref.startswith("refs/") else ""
    commit: git.Commit = repository.export(build.commit, folder, say=log.say, ref=ref)
    _write(build, subject=commit.subject, source_bytes=commit.bytes)
    log.say(f"Commit {commit.name[:10]} of {commit.author}: {commit.subject}")
    log.say(f"Fetched {_amount(commit.files, commit.bytes)}")
    if build.origin == RECONCILER and (marker := skip_marker(commit.subject)):
        raise Skipped(f"skipped: {marker} in the head commit")


def _write(build: Build, **columns: str | int) -> None:
    once_it_answers(partial(build.write, **columns))


def _wait(seconds: float, log: BuildLog) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        log.check()
        time.sleep(LOOK_SECONDS)


def _amount(files: int, size: int) -> str:
    return f"{files:,} {'file' if files == 1 else 'files'}, {filesizeformat(size)}".replace("\xa0", " ")
