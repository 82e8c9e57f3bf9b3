"""Take images away again: a folder of the embedded cluster, or what an engine keeps of a build."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from releases.clients.images import kept
from releases.clients.images.engine import Engine, EngineAddress, EngineGone, Refusal, ours

ASIDE, DEAD = ".gone-", ".dead-"


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
    """Unless somebody has made the same image meanwhile, or has put it back."""
    with contextlib.suppress(OSError):
        for folder in place.iterdir():
            folder.rename(place.parent / folder.name)
    discard(place)


def discard(place: Path) -> None:
    """For good: what is left of it by whoever is killed then is never put back."""
    dead = place.with_name(f"{DEAD}{place.name}")
    with contextlib.suppress(OSError):
        place.rename(dead)
    shutil.rmtree(dead, ignore_errors=True)


def left_aside(store: Path) -> list[tuple[Path, str]]:
    """(place, digest) of what whoever was killed in between has left; what was to be discarded is."""
    for dead in store.glob(f"{DEAD}*"):
        shutil.rmtree(dead, ignore_errors=True)
    return [(place, place.name.removeprefix(ASIDE)[:64]) for place in store.glob(f"{ASIDE}*")]


class EngineRemoval:
    """What an engine keeps of builds, over one connection. `problem`: why it can't be used, in words; "" if it can."""

    def __init__(self, address: EngineAddress) -> None:
        self.address, self.problem = address, ""
        self._engine: Engine | None = None
        try:
            self._engine = Engine(address)
        except EngineGone as error:
            self.problem = error.message
        except Refusal as refusal:
            self.problem = f"The Docker Engine at {address.host} refuses: {refusal.words}"

    def remove(self, reference: str) -> None:
        """A tag, and the image with its last one. What something runs from stays."""
        with self._asking() as engine:
            engine.remove_image(reference)

    def remove_cache(self, app: str) -> None:
        """What is kept for the next build of an app that has none."""
        with self._asking() as engine:
            kept.forget(engine, app)

    def close(self) -> None:
        if self._engine:
            self._engine.close()

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Engine]:
        assert self._engine
        try:
            with ours(self.address):
                yield self._engine
        except Refusal:
            return
        except EngineGone as error:
            self.problem = error.message
