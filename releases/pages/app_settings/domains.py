"""Where an app is reached: the manifest's domains and its own, and what DNS has to say of them."""

from concurrent.futures import TimeoutError as NotYet
from functools import partial
from ipaddress import ip_address
from typing import Any

from django.conf import settings

from releases import actions, policy
from releases.errors import DeployerError
from releases.models import App
from releases.models.cluster import EMBEDDED
from releases.pages.app_settings import frame
from releases.pages.looks import look
from releases.pipeline.addresses import url_of
from releases.policy import Actor

FRESH_SECONDS = 5.0
PATIENCE_SECONDS = 0.5


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """`manifest` and `own`: one dict per domain. `trouble`: why nobody knows what to enter in DNS."""
    entrances, trouble = _entrances(app, by=by)
    embedded = settings.DEPLOYER_APP_URL if app.cluster.kind == EMBEDDED else ""
    own = [
        {"row": row, "host": row.host, "service": row.service, "url": url_of(row.host)}
        for row in app.domains.select_related("by").order_by("host")
    ]
    manifest = _of_manifest(app)
    for domain in [*manifest, *own]:
        domain["records"] = records(domain["host"], entrances.get(domain["host"], []))
    return {
        **frame(app, "domains", "Domains", by=by),
        "manifest": manifest,
        "own": own,
        "door": embedded.format(app=app.name) if embedded else "",
        "trouble": trouble,
        "domain_refusals": policy.refusals("manage_domains", by=by, app=app),
        "services": actions.reachable_services(app),
    }


def _of_manifest(app: App) -> list[dict[str, Any]]:
    services = app.active_release.manifest["services"] if app.active_release else {}
    return [
        {"host": host, "service": name, "url": url_of(host)}
        for name, service in sorted(services.items())
        for host in service["domain"] or []
    ]


def _entrances(app: App, *, by: Actor) -> tuple[dict[str, list[str]], str]:
    """Host → where requests come in; and why nobody knows. Never raises, never waits long."""
    if app.cluster.kind == EMBEDDED or not app.rollouts_made:
        return {}, ""
    ask = partial(actions.entrances, app, by=by)
    try:
        return look("entrances", app, ask, fresh_seconds=FRESH_SECONDS).result(PATIENCE_SECONDS), ""
    except NotYet:
        return {}, "The cluster has not answered yet: load the page again in a moment."
    except DeployerError as error:
        return {}, error.message


def records(host: str, entrances: list[str]) -> list[str]:
    """The lines of a zone file: A and AAAA for addresses, CNAME for a name (RFC 1035, RFC 3596)."""
    return [f"{host}. {_kind(place)}" for place in dict.fromkeys(entrances)]


def _kind(place: str) -> str:
    try:
        return f"{'A' if ip_address(place).version == 4 else 'AAAA'} {place}"
    except ValueError:
        return f"CNAME {place.rstrip('.')}."
