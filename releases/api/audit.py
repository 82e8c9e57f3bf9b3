"""Who did what, when."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet
from ninja import Query, Router
from pydantic import BaseModel, StringConstraints

from releases import policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Limit, Moment, NumberCursor, Page, Text, page_of
from releases.models import App, AuditEntry
from releases.policy import Actor

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
    entries = _visible(request.actor).select_related("by").order_by("-id")
    if wanted.app:
        entries = entries.filter(app_name=wanted.app)
    if wanted.actor:
        entries = entries.filter(Q(by__username=wanted.actor) | Q(by_label=wanted.actor))
    if wanted.action:
        entries = entries.filter(action=wanted.action)
    if wanted.since:
        entries = entries.filter(at__gte=wanted.since)
    if wanted.until:
        entries = entries.filter(at__lt=wanted.until)
    if cursor:
        entries = entries.filter(pk__lt=int(cursor))
    rows = list(entries[: limit + 1])
    return page_of([_entry(row) for row in rows], [str(row.pk) for row in rows], limit)


def _visible(by: Actor) -> QuerySet[AuditEntry]:
    if not policy.refusals("view_audit", by=by):
        return AuditEntry.objects.all()
    if by.apps is None:
        return AuditEntry.objects.filter(~Q(app_name="") | Q(by=by.person))
    # An entry names its app: what an earlier one of that name did is not this one's.
    reached = policy.reached(App.objects.all(), by=by).values_list("name", "created_at")
    theirs = [Q(app_name=name, at__gte=created) for name, created in reached]
    return AuditEntry.objects.filter(_any(theirs)) if theirs else AuditEntry.objects.none()


def _any(conditions: list[Q]) -> Q:
    found = Q()
    for condition in conditions:
        found |= condition
    return found


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
