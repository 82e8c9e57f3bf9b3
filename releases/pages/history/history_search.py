"""Words looked for in a history of releases or rollouts. An ID or a commit is found wherever it is."""

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from releases.forms.filters import ROLLOUTS
from releases.models import Build, Release
from releases.pages.history.keyset import Place, Window, window
from releases.pages.history.word_search import LOOKED_THROUGH, Found, search

COLUMN = "created_at"
ID = re.compile(r"[BR][A-Z]{10}\Z", re.ASCII | re.IGNORECASE)
COMMIT = re.compile(r"[0-9a-fA-F]{7,40}\Z", re.ASCII)
# At most: with the variables changed again and again one commit has many.
RELEASES_OF_A_COMMIT = 500


def look_for(
    words: str, asked: QuerySet[Any], full: QuerySet[Any], listed: str, *, before: Place | None, size: int
) -> Found[Any]:
    """`asked`: what else is asked for, in no order; `full`: the same with what a row shows."""
    named = by_name(words, listed)
    if named is not None:
        return Found(window(full.filter(named), COLUMN, size=size, before=before))
    release = "release__" if listed == ROLLOUTS else ""
    columns = [f"{release}pk", f"{release}description", f"{release}build__commit"]
    columns += ["note", "reason"] if listed == ROLLOUTS else []
    texts = ((Place(moment, str(key)), "\n".join(texts)) for key, moment, *texts in _read(asked, columns, before))
    hits = search(words, texts, size=size)
    rows = sorted(full.filter(pk__in=hits.keys), key=lambda row: (row.created_at, row.pk), reverse=True)
    return Found(Window(rows, hits.older), hits.back_to)


def by_name(words: str, listed: str) -> Q | None:
    """What answers to an ID or a commit; None where there is no such thing: then they are words like others."""
    found = list(_releases(words).order_by().values_list("pk", flat=True)[:RELEASES_OF_A_COMMIT])
    return Q(**{"release__in" if listed == ROLLOUTS else "pk__in": found}) if found else None


def _releases(words: str) -> QuerySet[Release]:
    if ID.match(words):
        name = words.upper()
        return Release.objects.filter(pk=name) if name.startswith("R") else Release.objects.filter(build=name)
    if COMMIT.match(words):
        start = words.lower()
        # In any order of letters: what begins with it stands before it with a letter that no commit has.
        builds = Build.objects.filter(commit__gte=start, commit__lt=f"{start}g").order_by()
        return Release.objects.filter(build__in=list(builds.values_list("pk", flat=True)[:RELEASES_OF_A_COMMIT]))
    return Release.objects.none()


def _read(asked: QuerySet[Any], columns: list[str], before: Place | None) -> Iterable[tuple[Any, ...]]:
    rows = asked.filter(before.older(COLUMN)) if before else asked
    return rows.order_by(f"-{COLUMN}", "-pk").values_list("pk", COLUMN, *columns)[: LOOKED_THROUGH + 1]
