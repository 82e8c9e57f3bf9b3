"""Images deleted from registries: by digest, with all tags that point to it, and so never one that somebody needs."""

import logging
from datetime import datetime, timedelta

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from releases.clients.registry import Registry as Connection
from releases.errors import RegistryError
from releases.models import Build, Image, Registry
from releases.models.storable import fitted
from releases.pipeline import registries

logger = logging.getLogger(__name__)
# So often a registry is asked again that has refused to delete, while nothing about it is changed here.
ASKED_AGAIN = timedelta(days=1)
REFUSALS = ("unauthorised", "denied", "unsupported")
UNKNOWN = "No registry that is known here has it."


class Later(Exception):
    """Not now: a later round tries again. The message says why."""


class Needed(Later):
    """Somebody else has use for it, for as long as that may be."""


class RegistryRemoval:
    """Of one round: who does not answer, or does not delete, is not asked again in it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._connections: dict[int, Connection] = {}
        self._troubles: dict[int, str] = {}

    def remove(self, image: Image) -> None:
        """Raises Later."""
        rows = sorted(registries_of(image), key=lambda row: (refuses(row, self.now), row.pk))
        if not rows:
            raise Later(UNKNOWN)
        row = rows[0]
        if trouble := self._troubles.get(row.pk):
            raise Later(trouble)
        try:
            self._delete(row, image)
        except RegistryError as error:
            self._troubles[row.pk] = words = f"{row.name} keeps it: {error.message}"
            logger.warning("images can't be deleted from the registry %s: %s", row, error.message)
            if error.cause in REFUSALS:
                _note_refusal(row, error.message, self.now)
                at(row).update(**fitted(Image, {"note": words}))
            raise Later(words) from error

    def _delete(self, row: Registry, image: Image) -> None:
        """Raises RegistryError, Later."""
        there = self._connection(row)
        digest = image.digest or there.digest(image.app_name, image.tag)
        if not digest or is_kept(digest):
            return
        refuse_needed(digest, image.reference)
        if _may_be_pushed(image.repository):
            raise Later(f"A build of {image.app_name} runs, and may push the same.")
        if there.delete(image.app_name, digest) and row.deletion_refused:
            Registry.objects.filter(pk=row.pk).update(deletion_refused="", deletion_refused_at=None)

    def _connection(self, row: Registry) -> Connection:
        """Greeted first: whoever stands before a registry that is away may say of everything that it is not there."""
        if row.pk not in self._connections:
            there = registries.connection_to(row)
            there.greet()
            self._connections[row.pk] = there
        return self._connections[row.pk]


# --- Who has it -----------------------------------------------------------------------------------------------------


def registries_of(image: Image) -> list[Registry]:
    address = image.repository.removesuffix(f"/{image.app_name}")
    return list(Registry.objects.filter(address=address))


def at(row: Registry) -> QuerySet[Image]:
    """What is to go from this registry, and is still there."""
    return Image.objects.filter(going_from__isnull=False, repository=below(row.address))


def below(address: str) -> Concat:
    """The repository of an image's app."""
    return Concat(Value(f"{address}/"), F("app_name"))


def refuses(row: Registry, now: datetime) -> bool:
    return row.deletion_refused_at is not None and row.deletion_refused_at > now - ASKED_AGAIN


def _note_refusal(row: Registry, words: str, now: datetime) -> None:
    """Unless it has another address or login by now."""
    here = Registry.objects.filter(pk=row.pk, address=row.address, username=row.username, password=row.password)
    here.update(**fitted(Registry, {"deletion_refused": words}), deletion_refused_at=now)


# --- Who needs it ---------------------------------------------------------------------------------------------------


def is_kept(digest: str) -> bool:
    """Whether another build that is kept has made the same: then it goes with that one."""
    return Image.objects.filter(digest=digest, going_from=None).exists()


def refuse_needed(digest: str, reference: str = "") -> None:
    """A manifest may name what another app's build has made, by digest or by tag. Raises Needed."""
    kept = Build.objects.filter(images_removed_at=None).annotate(text=Cast("images", TextField()))
    by_tag = kept.filter(text__contains=f'"{reference}"') if reference else kept.none()
    if user := kept.filter(text__contains=digest).first() or by_tag.first():
        raise Needed(f"{user} of {user.app.name} needs it.")


def _may_be_pushed(repository: str) -> bool:
    """Whether a build runs whose digests nobody knows yet."""
    unknown = Image.objects.filter(repository=repository, digest="", going_from=None).values("build")
    return Build.unfinished().filter(pk__in=unknown).exists()
