"""The images that have to go: of builds that retention let go, and of apps that are deleted. Deleted where they are.

A row of `Image` is there as long as its image may be: whoever is killed in between leaves work that the next one finds,
and what does not answer is asked again the next time, for a month.
"""

import logging
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from releases import audit, policy
from releases.clients.images import removal
from releases.models import App, Image, Registry
from releases.models.storable import fitted
from releases.pipeline.builders import engine_address
from releases.pipeline.registry_removal import Later, Needed, RegistryRemoval, below, is_kept, refuse_needed, refuses

logger = logging.getLogger(__name__)
IMAGES = 200  # in one round
GIVEN_UP = timedelta(days=30)
# A machine that has no engine any more has none of its images, either.
ENGINE_PATIENCE = timedelta(days=1)
OUR_FAULT = "Deployer itself failed; its log says more."


def go(now: datetime | None = None) -> None:
    """One round: bounded, and over the rest the next time."""
    now = now or timezone.now()
    _recover()
    removing = Removal(now)
    for image in due(now)[:IMAGES]:
        try:
            removing.remove(image)
        except Needed as needed:
            _wait(image, str(needed), tried_at=now, going_from=now)
        except Later as later:
            _wait(image, str(later), tried_at=now)
        except Exception:
            logger.exception("the image %s could not be removed", image)
            _wait(image, OUR_FAULT, tried_at=now)
        else:
            image.delete()
    removing.end()
    give_up(now)


def due(now: datetime) -> QuerySet[Image]:
    """Those that were not tried for longest come first: what has to wait must not hold up the others."""
    going = Image.objects.filter(going_from__lte=now, given_up_at=None)
    rows = list(Registry.objects.all())
    for address in {row.address for row in rows} - {row.address for row in rows if not refuses(row, now)}:
        going = going.exclude(repository=below(address))
    return going.order_by(F("tried_at").asc(nulls_first=True), "pk")


def give_up(now: datetime) -> None:
    """What could not be deleted for so long is left where it is; the audit and the registry's page say so."""
    long = Image.objects.filter(going_from__lt=now - GIVEN_UP, given_up_at=None).exclude(note="")
    left = list(long[:IMAGES])
    counts = Counter(image.app_name for image in left)
    apps = App.objects.in_bulk(list(counts), field_name="name")
    with transaction.atomic():
        for name, count in counts.items():
            why = sorted({image.note for image in left if image.app_name == name})
            subject = f"{count} image{'s' if count > 1 else ''} of {name}"
            audit.record("images_left", by=policy.SYSTEM, app=apps.get(name), subject=subject, why=why)
        Image.objects.filter(pk__in=[image.pk for image in left]).update(given_up_at=now)


def _wait(image: Image, note: str, **columns: datetime) -> None:
    Image.objects.filter(pk=image.pk).update(**fitted(Image, {"note": note}), **columns)


class Removal:
    """Of one round, from all the places where an image may be."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._registries = RegistryRemoval(now)
        self._engine: removal.EngineRemoval | None = None
        self._apps: dict[str, bool] = {}

    def remove(self, image: Image) -> None:
        """Raises Later."""
        if not image.tag:
            _remove_folder(image)
            return
        self._registries.remove(image)
        if settings.DOCKER_HOST:
            self._remove_from_engine(image)

    def end(self) -> None:
        if self._engine:
            self._engine.close()

    def _remove_from_engine(self, image: Image) -> None:
        self._engine = self._engine or removal.EngineRemoval(engine_address())
        if not self._engine.problem:
            self._engine.remove(image.reference)
        if not self._engine.problem and not self._is_there(image.app_name):
            self._engine.remove_cache(image.app_name)
        if self._engine.problem and image.going_from and image.going_from > self.now - ENGINE_PATIENCE:
            raise Later(self._engine.problem)

    def _is_there(self, name: str) -> bool:
        if name not in self._apps:
            self._apps[name] = App.objects.filter(name=name).exists()
        return self._apps[name]


# --- Folders --------------------------------------------------------------------------------------------------------


def _remove_folder(image: Image) -> None:
    """Out of sight first, and then asked: a build writes down what it uses before it looks whether that is there.
    Raises Needed."""
    place = removal.set_aside(Path(settings.DEPLOYER_IMAGES), image.digest.removeprefix("sha256:"))
    if place is not None:
        _settle(place, image.digest)


def _recover() -> None:
    """What was set aside by whoever was killed then."""
    for place, digest in removal.left_aside(Path(settings.DEPLOYER_IMAGES)):
        with suppress(Needed):
            _settle(place, f"sha256:{digest}")


def _settle(place: Path, digest: str) -> None:
    """Raises Needed: it is there again."""
    try:
        if is_kept(digest):
            removal.put_back(place)
        else:
            refuse_needed(digest)
            removal.discard(place)
    except Needed:
        removal.put_back(place)
        raise
