"""From a source to images, as prose. The rules of who carries it are in `jobs`."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from releases.models import Build
from releases.pipeline import manifest_file, sources
from releases.pipeline.build_log import BuildLog
from releases.pipeline.build_log import Cancelled as Cancelled
from releases.pipeline.build_log import mask_of as mask_of
from releases.pipeline.builders import make_images
from releases.pipeline.sources import upload_of as upload_of

LEFT_SECONDS = 3600


@dataclass(frozen=True)
class Result:
    """What a build made: the manifest (checked, defaults filled in) and service → image reference by digest."""

    manifest: dict
    images: dict[str, str]


def discard(build: Build) -> None:
    """Nobody needs its source any more, nor what a worker that died left of it."""
    upload_of(build).unlink(missing_ok=True)
    for folder in _workplace().glob(f"{build.pk}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Uploads and folders of builds that are over: what a worker left that died between the end and `discard`."""
    unfinished = set(Build.unfinished().values_list("pk", flat=True))
    for path in [*Path(settings.DEPLOYER_UPLOADS).glob("B*.tar.gz"), *_workplace().glob("B*-*")]:
        build_id = path.name[:11]
        if build_id not in unfinished and time.time() - path.stat().st_mtime > LEFT_SECONDS:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def make(build: Build) -> Result:
    """Get the source, read the manifest, make one image per distinct `build`. Raises BuildFailed, Cancelled, Stale.

    The source lies there until `discard`: no release has to wait until a hundred thousand files are removed.
    """
    log = BuildLog(build)
    folder = Path(tempfile.mkdtemp(prefix=f"{build.pk}-", dir=_workplace()))
    source, private = folder / "source", folder / "private"
    try:
        for part in (source, private):
            part.mkdir(mode=0o700)
        sources.bring(build, source, log)
        manifest = manifest_file.read(source, say=log.say)
        return Result(manifest, make_images(build, source, private, manifest["services"], log))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(private, ignore_errors=True)
        log.close()


def _workplace() -> Path:
    place = Path(settings.DEPLOYER_UPLOADS).parent / "building"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place
