"""The images of builds whose images are gone by retention: deleted where they are, as far as that goes.

Whoever is killed in between leaves work that the next one finds: a build has `images_deleted_at` when all is done.
"""

import logging
from pathlib import Path

from django.conf import settings
from django.db.models import TextField
from django.db.models.functions import Cast
from django.utils import timezone

from releases.clients.images import removal
from releases.clients.images.engine import problem
from releases.clients.registry import Registry as Connection
from releases.errors import RegistryError
from releases.models import Build, Registry
from releases.models.cluster import EMBEDDED
from releases.models.storable import fitted
from releases.pipeline import registries
from releases.pipeline.builders import engine_address

logger = logging.getLogger(__name__)
BUILDS = 50  # in one round
# What does not change by asking again tomorrow.
FINAL = ("unsupported", "gone")


class Later(Exception):
    """Not now: the next round tries again. The message says why."""


def go() -> None:
    """One round: bounded, and over the rest the next time."""
    _recover()
    found = Build.objects.filter(images_removed_at__isnull=False, images_deleted_at=None)
    removal_of = Removal()
    # In no order: those that have to wait must not hold up the others round after round.
    for build in found.select_related("app").order_by("?")[:BUILDS]:
        try:
            note = removal_of.build(build)
        except Later as later:
            Build.objects.filter(pk=build.pk).update(**fitted(Build, {"images_note": str(later)}))
        except Exception:
            logger.exception("the images of %s could not be deleted", build)
        else:
            done = fitted(Build, {"images_note": note, "images_deleted_at": timezone.now()})
            Build.objects.filter(pk=build.pk).update(**done)


class Removal:
    """Of one round: who does not answer, or does not delete, is not asked again in it."""

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        self.refused: dict[int, RegistryError] = {}
        self.engine: bool | None = None

    def build(self, build: Build) -> str:
        """Why something of it stays; "" if nothing does. Raises Later."""
        notes = []
        for image in made_by(build):
            if is_needed(image):
                continue
            if image.startswith(registries.EMBEDDED):
                _remove_folder(image.rpartition(":")[2])
            else:
                notes.append(self._from_registries(build, image))
        if build.builder in ("docker", "buildkit") and self._has_engine():
            removal.remove_from_engine(engine_address(), build.pk)
        return " ".join(dict.fromkeys(filter(None, notes)))

    def _from_registries(self, build: Build, image: str) -> str:
        rows = [row for row in Registry.objects.order_by("pk") if registries.is_of_app(image, row, build.app.name)]
        if not rows:
            return "No registry that is known here has its images."
        return self._delete(rows[0], build.app.name, image.rpartition("@")[2])

    def _delete(self, row: Registry, name: str, digest: str) -> str:
        try:
            if refusal := self.refused.get(row.pk):
                raise refusal
            if row.pk not in self.connections:
                self.connections[row.pk] = registries.connection_to(row)
            self.connections[row.pk].delete(name, digest)
        except RegistryError as error:
            if row.pk not in self.refused:
                logger.warning("images can't be deleted from the registry %s: %s", row, error.message)
            self.refused[row.pk] = error
            words = f"{row.name} keeps its images: {error.message}"
            if error.cause in FINAL:
                return words
            raise Later(words) from error
        return ""

    def _has_engine(self) -> bool:
        if self.engine is None:
            self.engine = not problem(engine_address())
        return self.engine


def made_by(build: Build) -> list[str]:
    """The images that it made itself; those that its manifest names are not ours to delete."""
    services = (build.manifest or {}).get("services", {})
    made = [image for name, image in build.images.items() if not services.get(name, {}).get("image")]
    return [image for image in dict.fromkeys(made) if "@sha256:" in image]


def is_needed(image: str) -> bool:
    """Whether a build whose images stay has this one, too: equal sources give equal folders, of any app."""
    kept = Build.objects.filter(images_removed_at=None)
    digest = image.rpartition("@")[2]
    return kept.annotate(text=Cast("images", TextField())).filter(text__contains=digest).exists()


def _remove_folder(digest: str) -> None:
    """Raises Later: a build that runs may just have found it there."""
    place = removal.set_aside(Path(settings.DEPLOYER_IMAGES), digest)
    if place is None:
        return
    if not _may_be_wanted(digest):
        removal.discard(place)
        return
    removal.put_back(place)
    raise Later("A build runs that may need its images.")


def _recover() -> None:
    for place, digest in removal.left_aside(Path(settings.DEPLOYER_IMAGES)):
        if _may_be_wanted(digest):
            removal.put_back(place)
        else:
            removal.discard(place)


def _may_be_wanted(digest: str) -> bool:
    """In this order: what ends in between has written down what it made."""
    runs = Build.objects.filter(status="running", app__cluster__kind=EMBEDDED).exists()
    return runs or is_needed(f"@sha256:{digest}")
