"""Who did what to what, when, and from where: of one app, or of all that one may know of."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from releases import policy
from releases.forms.filters import ActivityFilter, WantedActivity
from releases.models import App, AuditEntry
from releases.pages.history import events
from releases.pages.history.history_search import ID
from releases.pages.history.keyset import Place, Window, window
from releases.pages.history.looked_for import in_period, names_of_apps, names_of_people, of_person
from releases.pages.history.word_search import LOOKED_THROUGH, Found, search
from releases.policy import Actor

SHOWN = 50
COLUMN = "at"


def asked(app: App | None, query: Mapping[str, str], *, by: Actor) -> dict[str, Any]:
    """What the page says to `query`, as its address has it; see history_page.asked."""
    form = filter_for(app, query, by=by)
    before, after = (Place.read(query.get(name, "")) for name in ("before", "after"))
    said: dict[str, Any] = {
        "app": app,
        "filter": form,
        "query": form.query,
        "tab": f"Activity · {app.name if app else 'Deployer'}",
        "is_whole": app is None and may_read_all(by),
    }
    if not form.is_valid():
        return said | {"is_live": False}
    wanted = form.wanted()
    found = find(app, wanted, by=by, before=before, after=after)
    topic = f"activity.{app.name}" if app else "activity"
    return {
        **said,
        "events": events.told(found.window.rows),
        "window": found.window,
        "back_to": found.back_to,
        "is_all": wanted.is_all,
        "is_newest": not (before or after),
        "is_live": not (wanted.q or before or after),
        "address": f"{topic}?{form.query}",
    }


def filter_for(app: App | None, query: Mapping[str, str], *, by: Actor) -> ActivityFilter:
    names = names_of_apps(by=by) if app is None else None
    return ActivityFilter(query, names=names, people=names_of_people(by=by))


def may_read_all(by: Actor) -> bool:
    return not policy.refusals("view_audit", by=by)


def find(
    app: App | None,
    wanted: WantedActivity,
    *,
    by: Actor,
    before: Place | None = None,
    after: Place | None = None,
    size: int = SHOWN,
) -> Found[AuditEntry]:
    entries = _entries(app, wanted, by)
    if not wanted.q:
        return Found(window(entries, COLUMN, size=size, before=before, after=after))
    named = entries.filter(subject=wanted.q.upper())
    if ID.match(wanted.q) and named.exists():
        return Found(window(named, COLUMN, size=size, before=before, after=after))
    older = entries.filter(before.older(COLUMN)) if before else entries
    rows = list(older.order_by("-at", "-pk")[: LOOKED_THROUGH + 1])
    texts = ((Place(row.at, str(row.pk)), _text(row)) for row in rows)
    hits = search(wanted.q, texts, size=size)
    keys = set(hits.keys)
    return Found(Window([row for row in rows if str(row.pk) in keys], hits.older), hits.back_to)


def _text(row: AuditEntry) -> str:
    """What the page says of it, and no more: what may not be read can't be found either."""
    return f"{row.by_label}\n{events.sentence(row)}\n{row.app_name}"


def _entries(app: App | None, wanted: WantedActivity, by: Actor) -> QuerySet[AuditEntry]:
    if app is not None:
        # An entry names its app: what an earlier one of that name did is not this one's.
        found = AuditEntry.objects.filter(app_name=app.name, at__gte=app.created_at)
    else:
        found = policy.entries_for(by, whole=may_read_all(by))
    found = found.order_by().filter(in_period(wanted, COLUMN), Q(kind=wanted.kind) if wanted.kind else Q())
    if wanted.app:
        found = found.filter(app_name=wanted.app)
    return found.filter(of_person(wanted.person)) if wanted.person else found
