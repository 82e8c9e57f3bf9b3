"""Write down who did what. Called inside the transaction of the deed, so that neither is there without the other."""

from releases.models import App, AuditEntry
from releases.models.actor import Actor


def record(action: str, *, by: Actor, app: App | None = None, subject: str = "", **detail: object) -> None:
    """One entry. `detail` holds names, numbers and IDs, never a variable's value."""
    AuditEntry.objects.create(
        action=action, app_name=app.name if app else "", subject=subject, detail=detail, **by.columns()
    )
