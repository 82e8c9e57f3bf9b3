"""Take images away again: a folder of the embedded cluster, or what an engine keeps of a build."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from docker.errors import APIError

from releases.clients.images.engine import Engine, EngineAddress, ours
from releases.clients.images.plan import BUILD_LABEL

ASIDE = ".gone-"


def set_aside(store: Path, digest: str) -> Path | None:
    """Take the folder `<digest>` of DirectoryBuilder's `store` out of everybody's sight, in one step. None: not there.

    Who finds afterwards that somebody needs it puts it back.
    """
    place = Path(tempfile.mkdtemp(prefix=f"{ASIDE}{digest}-", dir=store)) if (store / digest).is_dir() else None
    if place is None:
        return None
    try:
        (store / digest).rename(place / digest)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        return None
    return place


def put_back(place: Path) -> None:
    """Unless somebody has made the same image meanwhile."""
    for folder in place.iterdir():
        with contextlib.suppress(OSError):
            folder.rename(place.parent / folder.name)
    discard(place)


def discard(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)


def left_aside(store: Path) -> list[tuple[Path, str]]:
    """(place, digest) of what whoever was killed in between has left."""
    return [(place, place.name.removeprefix(ASIDE)[:64]) for place in store.glob(f"{ASIDE}*")]


def remove_from_engine(address: EngineAddress, build: str) -> int:
    """The images that the engine keeps under the tags of this build. Gives how many tags went. Raises EngineGone,
    Refusal. Its cache stays: that has names of its own."""
    removed = 0
    with ours(address), contextlib.closing(Engine(address)) as engine:
        for image in engine.images(filters={"label": f"{BUILD_LABEL}={build}"}):
            for tag in image["RepoTags"] or ():
                if tag.endswith(f".{build}"):
                    with contextlib.suppress(APIError):  # something runs from it
                        engine.remove_image(tag)
                        removed += 1
    return removed
