"""Which images a build pushes: written down before, so that whatever becomes of it, they can be taken away again."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from releases.models import Build, Image

PARTS = 500  # of a list, in one statement


def announce(build: Build, repository: str, *, tags: Iterable[str] = (), digest: str = "") -> None:
    """Before anything is pushed: under these tags, or as the folder with this digest. Raises Stale: then nothing may
    be pushed any more."""
    with transaction.atomic():
        build.beat()
        rows = [Image(tag=tag) for tag in tags] or [Image(digest=digest)]
        for row in rows:
            row.build, row.app_name, row.repository = build.pk, build.app.name, repository
        Image.objects.bulk_create(rows, ignore_conflicts=True)


def note_pushed(build: Build, images: Mapping[str, str]) -> None:
    """`images`: service → reference by digest, of all that it made. Raises Stale."""
    by_tag = {f"{service}.{build.pk}": image.rpartition("@")[2] for service, image in images.items()}
    with transaction.atomic():
        build.beat()
        _name(build, by_tag)


def note_earlier(build: Build, digest_of: Callable[[str], str | None]) -> None:
    """Of one that begins again: what it pushed before, which soon has no tag any more. `digest_of`: of a tag."""
    unknown = Image.objects.filter(build=build.pk, digest="").values_list("tag", flat=True)
    found = {tag: digest for tag in list(unknown) if (digest := digest_of(tag))}
    with transaction.atomic():
        build.beat()
        _name(build, found)


def let_go(builds: Iterable[str], since: datetime | None = None) -> None:
    """From then on their images have to go: now, if nothing is said."""
    keys = list(builds)
    for start in range(0, len(keys), PARTS):
        kept = Image.objects.filter(build__in=keys[start : start + PARTS], going_from=None)
        kept.update(going_from=since or timezone.now())


def _name(build: Build, digests: Mapping[str, str]) -> None:
    """Tag → digest: what was only known by its tag is known by its digest, too."""
    for row in Image.objects.filter(build=build.pk, digest="", tag__in=digests):
        same = Image.objects.filter(build=row.build, repository=row.repository, tag=row.tag, digest=digests[row.tag])
        if same.exists():
            row.delete()
        else:
            Image.objects.filter(pk=row.pk).update(digest=digests[row.tag])
