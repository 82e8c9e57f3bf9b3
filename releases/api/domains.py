"""Where an app is reached: the domains of its manifest, and its own."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Path, Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Text
from releases.api.lookups import find_app, find_domain
from releases.models import App, Domain
from releases.pipeline.addresses import url_of

router = Router()


class DomainInfo(BaseModel):
    """`source`: manifest (of the active release; it changes with a release) or app (its own; it changes at once).

    `url` is null for a wildcard, `created` and `by` for those of the manifest.
    """

    host: str
    service: str
    url: str | None
    source: Literal["app", "manifest"]
    created: datetime | None
    by: str | None


class NewDomain(Body):
    host: Annotated[Text, StringConstraints(max_length=300)]
    # Left out: `web`, else the only service with a port.
    service: Annotated[Text, StringConstraints(max_length=200)] = ""


@router.get("", response={200: list[DomainInfo], **documented(404)})
def list_domains(request: Request, app_name: Path[str]) -> list[DomainInfo]:
    """Those of the manifest first, then the app's own, by name."""
    app = find_app(app_name, by=request.actor)
    return _of_manifest(app) + [_info(row) for row in app.domains.all()]


@router.post("", response={201: DomainInfo, **documented(404, 409)})
def add_domain(request: Request, app_name: Path[str], payload: NewDomain) -> Status:
    """One of the app's own: it leads to the service at once, without a release, and stays whatever is promoted."""
    app = find_app(app_name, by=request.actor)
    row = actions.add_domain(app, payload.host, by=request.actor, service=payload.service)
    return Status(201, _info(row))


@router.delete("/{host}", response={204: None, **documented(404, 409)})
def remove_domain(request: Request, app_name: Path[str], host: str) -> Status:
    """One of the app's own, at once. Those of the manifest are changed there."""
    actions.remove_domain(find_domain(find_app(app_name, by=request.actor), host), by=request.actor)
    return Status(204, None)


def _of_manifest(app: App) -> list[DomainInfo]:
    services = app.active_release.manifest["services"] if app.active_release else {}
    return [
        DomainInfo(host=host, service=name, url=url_of(host), source="manifest", created=None, by=None)
        for name, service in sorted(services.items())
        for host in service["domain"]
    ]


def _info(row: Domain) -> DomainInfo:
    return DomainInfo(
        host=row.host,
        service=row.service,
        url=url_of(row.host),
        source="app",
        created=row.created_at,
        by=row.by_label,
    )
