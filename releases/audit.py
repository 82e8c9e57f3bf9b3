"""Write down who did what. Called inside the transaction of the deed, so that neither is there without the other.

Of what a cluster does it is called just before: a worker that is killed in between leaves a name for what was done.
"""

from releases.models import App, AuditEntry
from releases.models.actor import Actor
from releases.models.storable import fitted


def record(action: str, *, by: Actor, app: App | None = None, subject: str = "", **detail: object) -> None:
    """One entry. `detail` holds names, numbers and IDs, never a variable's value."""
    columns = {"action": action, "app_name": app.name if app else "", "subject": subject, "detail": detail}
    AuditEntry.objects.create(**fitted(AuditEntry, columns | by.columns()))
