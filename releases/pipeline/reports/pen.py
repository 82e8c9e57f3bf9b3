"""The pen of a source: whoever holds it tells GitHub of it, nobody else. It is held by a heartbeat, as builds are."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from releases.models import Source

logger = logging.getLogger(__name__)


class PenLost(Exception):
    """Somebody else tells now, or the source has changed."""


def take(source_id: int, pen: str) -> Source | None:
    """The source, if nobody else holds its pen: nobody has it, or the heart of who had it has stopped."""
    free = Q(reporter="") | Q(reporter_until=None) | Q(reporter_until__lt=timezone.now())
    here = Source.objects.filter(free, pk=source_id).exclude(reports_since=None)
    if not here.update(reporter=pen, reporter_until=_believed_until()):
        return None
    return Source.objects.select_related("app").defer("app__staged").filter(pk=source_id, reporter=pen).first()


def held(source: Source, pen: str) -> QuerySet[Source]:
    """Its row, as long as it is ours to tell of, and still of that repository."""
    return Source.objects.filter(pk=source.pk, reporter=pen, url=source.url)


def keep(source: Source, pen: str) -> None:
    """Raises PenLost."""
    if not held(source, pen).update(reporter_until=_believed_until()):
        raise PenLost


@contextmanager
def beating(source_id: int, pen: str) -> Iterator[None]:
    """Meanwhile a heart beats: GitHub may take minutes for one answer, and who died is missed within seconds."""
    stopped = threading.Event()
    heart = threading.Thread(target=_beat, args=(source_id, pen, stopped), name="heartbeat", daemon=True)
    heart.start()
    try:
        yield
    finally:
        stopped.set()
        heart.join(5)


def _beat(source_id: int, pen: str, stopped: threading.Event) -> None:
    while not stopped.wait(settings.HEARTBEAT_SECONDS):
        try:
            Source.objects.filter(pk=source_id, reporter=pen).update(reporter_until=_believed_until())
        except Exception as error:  # the database may be away: the next one tells
            logger.warning("a heartbeat of who tells GitHub of source %s was missed: %s", source_id, error)
        connections.close_all()


def _believed_until() -> datetime:
    return timezone.now() + timedelta(seconds=settings.HEARTBEAT_OLD_SECONDS)
