"""Of what was done, the part that somebody may read about."""

from django.db.models import Q, QuerySet

from releases.models import App, AuditEntry
from releases.models.actor import Actor
from releases.policy.actors import reached


def entries_for(by: Actor, *, whole: bool) -> QuerySet[AuditEntry]:
    """`whole`: `by` may read everything. Others what was done to apps that they may know of, and what they did."""
    if whole:
        return AuditEntry.objects.all()
    if by.apps is None:
        return AuditEntry.objects.filter(~Q(app_name="") | Q(by=by.person))
    # An entry names its app: what an earlier one of that name did is not this one's.
    names = reached(App.objects.all(), by=by).values_list("name", "created_at")
    theirs = Q(pk=None)
    for name, created in names:
        theirs |= Q(app_name=name, at__gte=created)
    return AuditEntry.objects.filter(theirs)
