"""A history as rows of text, for a spreadsheet: what is asked for and nothing else, read in pieces."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from releases.forms.filters import WantedReleases
from releases.models import App
from releases.pages.history.history_page import Row, find, rows_of
from releases.policy import Actor

HEADER = (
    "app",
    "release",
    "description",
    "commit",
    "build",
    "made_at",
    "made_by",
    "outcome",
    "rollout",
    "kind",
    "strategy",
    "promoted_at",
    "promoted_by",
    "from",
    "note",
    "seconds",
    "ended_at",
    "reason",
)
PIECE = 1000


def pieces(listed: str, app: App | None, wanted: WantedReleases, *, by: Actor) -> Iterator[list[list[str]]]:
    """The newest first, some rows at a time."""
    place, goes_on = None, True
    while goes_on:
        found = find(listed, app, wanted, by=by, before=place, size=PIECE)
        yield [_cells(row) for row in rows_of(listed, found.window.rows)]
        place = found.window.older
        goes_on = place is not None


def _cells(row: Row) -> list[str]:
    release, rollout = row.release, row.rollout
    promoted: list[Any] = ["", "", "", "", "", "", "", "", "", ""]
    if rollout is not None:
        seconds = "" if row.seconds is None else f"{row.seconds:.3f}"
        promoted = [rollout.number, rollout.kind, rollout.strategy, written(rollout.created_at), row.whence.name]
        promoted += [row.whence.source, rollout.note, seconds, written(rollout.finished_at), row.went_wrong]
    made = [release.description, release.build.commit, release.build_id, written(release.created_at), release.by_label]
    return [str(cell) for cell in (row.app.name, release.pk, *made, row.outcome.word, *promoted)]


def written(moment: datetime | None) -> str:
    """As RFC 3339 has it, in UTC; "" for None."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
