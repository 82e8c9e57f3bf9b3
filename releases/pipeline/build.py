"""From an upload to images, as prose. The rules of who carries it are in `jobs`."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from releases import logs
from releases.clients import archive, images
from releases.errors import BuildFailed
from releases.models import Build
from releases.pipeline import deployer_yml

FLUSH_SECONDS = 0.05
FLUSH_LINES = 2000
LEFT_SECONDS = 3600


@dataclass(frozen=True)
class Result:
    """What a build made: the manifest (checked, defaults filled in) and service → image reference by digest."""

    manifest: dict
    images: dict[str, str]


class Cancelled(Exception):
    """A person asked for it."""


def upload_of(build: Build) -> Path:
    """Where the source of `build` lies until it is over."""
    return Path(settings.DEPLOYER_UPLOADS) / f"{build.pk}.tar.gz"


def discard(build: Build) -> None:
    """Nobody needs its source any more, nor what a worker that died left of it."""
    upload_of(build).unlink(missing_ok=True)
    for folder in _workplace().glob(f"{build.pk}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Uploads and folders of builds that are over: what a worker left that died between the end and `discard`."""
    unfinished = set(Build.objects.filter(status__in=Build.unfinished_statuses()).values_list("pk", flat=True))
    for path in [*Path(settings.DEPLOYER_UPLOADS).glob("B*.tar.gz"), *_workplace().glob("B*-*")]:
        build_id = path.name[:11]
        if build_id not in unfinished and time.time() - path.stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def make(build: Build) -> Result:
    """Unpack, read the manifest, make one image per distinct `build`. Raises BuildFailed, Cancelled, Stale."""
    log = BuildLog(build)
    folder = Path(tempfile.mkdtemp(prefix=f"{build.pk}-", dir=_workplace()))
    try:
        _unpack(build, folder, log)
        manifest = _manifest(folder, log)
        return Result(manifest, _images(build, folder, manifest, log))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        log.flush()


class BuildLog:
    """Lines of one build, stored in batches; between them it looks whether to stop."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.mask = logs.Mask(build.app.with_staged(build.app.environment()))
        self.deadline: datetime = (build.started_at or timezone.now()) + timedelta(seconds=settings.BUILD_DEADLINE)
        self.waiting: list[logs.Line] = []
        self.flushed = 0.0

    def say(self, message: str) -> None:
        self.waiting.append(logs.Line("build", message))
        if len(self.waiting) >= FLUSH_LINES or time.monotonic() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Store what waits. Raises Stale."""
        if self.waiting:
            logs.append(self.build, self.waiting, mask=self.mask)
        self.waiting, self.flushed = [], time.monotonic()

    def check(self) -> None:
        """Raises Cancelled, BuildFailed when its time is up."""
        self.build.refresh_from_db(fields=["cancel_requested_at"])
        if self.build.cancel_requested_at:
            raise Cancelled
        if timezone.now() > self.deadline:
            raise BuildFailed(f"The build took longer than {settings.BUILD_DEADLINE} s.")


def _workplace() -> Path:
    place = Path(settings.DEPLOYER_UPLOADS).parent / "building"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def _unpack(build: Build, folder: Path, log: BuildLog) -> None:
    log.check()
    upload = upload_of(build)
    if not upload.is_file():
        raise BuildFailed("The uploaded source is gone: upload it again.")
    limits = {"max_bytes": settings.SOURCE_MAX_BYTES, "max_files": settings.SOURCE_MAX_FILES}
    files, size = archive.unpack(upload, folder, **limits)
    if not files:
        raise BuildFailed("The source is empty.")
    log.say(f"Unpacked {files:,} files, {filesizeformat(size)}".replace("\xa0", " "))


def _manifest(folder: Path, log: BuildLog) -> dict:
    file = folder / deployer_yml.FILE
    if file.is_symlink() or not file.exists():
        log.say(f"No {deployer_yml.FILE}: using the Procfile, else one service `web`, port 8080")
        return deployer_yml.without_file(images.procfile(folder) or {"web": None})
    try:
        text = file.read_bytes()[: deployer_yml.SIZE_MAX + 1].decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BuildFailed(f"{deployer_yml.FILE} can't be read: it is no UTF-8 text file.") from error
    manifest = deployer_yml.parse(text)
    log.say(f"{deployer_yml.FILE}: services {', '.join(manifest['services'])}")
    return manifest


def _images(build: Build, folder: Path, manifest: dict, log: BuildLog) -> dict[str, str]:
    """One image per distinct `build` section; services that share one share it."""
    builder = images.DirectoryBuilder(Path(settings.DEPLOYER_IMAGES))
    made: dict[str, str] = {}
    references: dict[str, str] = {}
    for name, service in manifest["services"].items():
        log.check()
        if service["image"]:
            references[name] = service["image"]
            continue
        section = service["build"]
        key = repr(section)
        if key not in made:
            log.say(f"Building {name} from {section['path']}")
            made[key] = builder.build(
                folder, app=build.app.name, path=section["path"], dockerfile_name=section["dockerfile"], say=log.say
            )
        references[name] = made[key]
        log.flush()
    return references
