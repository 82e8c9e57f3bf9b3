"""Who did what, when."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Router
from pydantic import BaseModel, StringConstraints

from releases import policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Limit, Moment, NumberCursor, Page, Text, page_of
from releases.models import AuditEntry
from releases.pages.history.keyset import place_of
from releases.pages.history.looked_for import of_author

router = Router()
Word = Annotated[Text, StringConstraints(max_length=200)]


class Entry(BaseModel):
    """`detail`: names, numbers and IDs that belong to the action; no values of variables."""

    id: int
    at: datetime
    by: str
    person: str | None
    action: str
    app: str | None
    subject: str
    detail: dict[str, Any]


class Wanted(BaseModel):
    """`actor`: a person's name, or the whole of what an entry has in `by`; times are RFC 3339 with an offset."""

    app: Word = ""
    actor: Word = ""
    action: Word = ""
    since: Moment | None = None
    until: Moment | None = None


@router.get("", response={200: Page[Entry], **documented()})
def list_audit(request: Request, wanted: Query[Wanted], limit: Limit, cursor: NumberCursor) -> Page[Entry]:
    """The newest first: for administrators everything, for others what was done to apps and what they did."""
    whole = not policy.refusals("view_audit", by=request.actor)
    entries = policy.entries_for(request.actor, whole=whole).select_related("by").order_by("-at", "-id")
    if wanted.app:
        entries = entries.filter(app_name=wanted.app)
    if wanted.actor:
        entries = entries.filter(of_author(wanted.actor))
    if wanted.action:
        entries = entries.filter(action=wanted.action)
    if wanted.since:
        entries = entries.filter(at__gte=wanted.since)
    if wanted.until:
        entries = entries.filter(at__lt=wanted.until)
    if cursor:
        last = AuditEntry.objects.filter(pk=int(cursor)).only("at").first()
        entries = entries.filter(place_of(last, "at").older("at")) if last else entries.filter(pk__lt=int(cursor))
    rows = list(entries[: limit + 1])
    return page_of([_entry(row) for row in rows], [str(row.pk) for row in rows], limit)


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        id=row.pk,
        at=row.at,
        by=row.by_label,
        person=row.by.username if row.by else None,
        action=row.action,
        app=row.app_name or None,
        subject=row.subject,
        detail=row.detail,
    )
