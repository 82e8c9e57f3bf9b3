"""A one-off command: what it can be run in, and what was run last."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.actions.runs import TIMEOUT_DEFAULT, TIMEOUT_MAX
from releases.models import AuditEntry, Release
from releases.pipeline.run_course import End, Said
from releases.policy import Actor

SHOWN = 6
# In the page of a command that runs: where its lines, and how it ended, are put in as they come.
LINES, END = "<!--lines-->", "<!--end-->"
Output = AsyncGenerator[list[Said | End], None]


@dataclass(frozen=True)
class Earlier:
    """`command`: "" for who may not read what somebody else typed."""

    entry: AuditEntry
    release_id: str
    service: str
    command: str


def context(release: Release, *, by: Actor) -> dict[str, Any]:
    services = list(release.manifest["services"])
    app = release.app
    return {
        "actor": by,
        "app": app,
        "release": release,
        "here": "releases",
        "services": services,
        "service": "web" if "web" in services else services[0] if services else "",
        "minutes": TIMEOUT_DEFAULT // 60,
        "minutes_max": TIMEOUT_MAX // 60,
        "is_active": release.pk == app.active_release_id,
        "refusals": policy.refusals("run", by=by, app=app, release=release),
        "earlier": _earlier(release, by),
    }


def _earlier(release: Release, by: Actor) -> list[Earlier]:
    app = release.app
    runs = AuditEntry.objects.filter(app_name=app.name, kind="processes", action="run", at__gte=app.created_at)
    reads_all = not policy.refusals("view_audit", by=by)
    return [_told(entry, reads_all or _own(entry, by)) for entry in runs[:SHOWN]]


def _own(entry: AuditEntry, by: Actor) -> bool:
    return by.person is not None and entry.by_id == by.person.pk


def _told(entry: AuditEntry, readable: bool) -> Earlier:
    detail = entry.detail
    return Earlier(
        entry, entry.subject, str(detail.get("service", "")), str(detail.get("command", "")) if readable else ""
    )
