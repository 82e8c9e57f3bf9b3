"""The activity as rows of text, for a spreadsheet: what the page says, read in pieces."""

from collections.abc import Iterator

from releases.forms.filters import WantedActivity
from releases.models import App
from releases.pages.history.activity_page import find
from releases.pages.history.events import Event, told
from releases.pages.history.history_csv import PIECE, written
from releases.policy import Actor

HEADER = ("at", "by", "from", "kind", "action", "app", "subject", "what", "rollout", "outcome", "seconds", "reason")


def pieces(app: App | None, wanted: WantedActivity, *, by: Actor) -> Iterator[list[list[str]]]:
    """The newest first, some rows at a time."""
    place, goes_on = None, True
    while goes_on:
        found = find(app, wanted, by=by, before=place, size=PIECE)
        yield [_cells(event) for event in told(found.window.rows)]
        place = found.window.older
        goes_on = place is not None


def _cells(event: Event) -> list[str]:
    entry, whence = event.entry, event.whence
    done = [written(entry.at), whence.name, whence.source, entry.kind, entry.action, entry.app_name, entry.subject]
    seconds = "" if event.seconds is None else f"{event.seconds:.3f}"
    number = str(event.rollout.number) if event.rollout else ""
    return [*done, event.words, number, event.status.word if event.status else "", seconds, event.reason]
