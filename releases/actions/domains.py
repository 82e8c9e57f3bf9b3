"""An app's own domains: they change at once, without a release, and stay through promotes, rollbacks and restores."""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, TextField
from django.db.models.functions import Cast
from pydantic import TypeAdapter, ValidationError

from releases import audit, logs, policy
from releases.errors import ClusterError, Invalid, NotAllowed, Taken
from releases.models import App, Domain, Release, Rollout
from releases.models.cluster import EMBEDDED
from releases.models.locks import hosts_locked, locked
from releases.pipeline import domains, inspect
from releases.pipeline.deployer_yml.values import Domain as Host
from releases.policy import Actor

DOMAINS_MAX = 100
SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?\Z")
HOST: TypeAdapter[str] = TypeAdapter(Host)


def add_domain(app: App, host: str, *, by: Actor, service: str = "") -> Domain:
    """Requests for `host` go to `service` from now on; blank: to `web`, else to the only one with a port.

    Raises Invalid, Taken, NotAllowed; and ClusterError when the cluster does not take it: then nothing has changed.
    """
    policy.require("manage_domains", by=by, app=app)
    host = _checked(app, host)
    with transaction.atomic():
        app = _locked(app, by)
        if app.domains.count() >= DOMAINS_MAX:
            raise Invalid(f"{app.name} has {DOMAINS_MAX} domains of its own, and more are not allowed.")
        service = _service(app, service)
        hosts_locked(app)
        _refuse_taken(app, host, by)
        try:
            with transaction.atomic():
                row = Domain.objects.create(
                    app=app, cluster_id=app.cluster_id, host=host, service=service, **by.columns()
                )
        except IntegrityError as error:
            _refuse_taken(app, host, by)
            raise Taken(f"Somebody was given {host} in this moment: try again.") from error
        _note(app, "add_domain", by=by, subject=host, service=service)
    try:
        domains.write(app)
    except (ClusterError, NotAllowed) as error:
        _take_back(row, why=error.message)
        raise
    return row


def remove_domain(row: Domain, *, by: Actor) -> None:
    """Nobody reaches the app by it any more. Raises Invalid, NotAllowed; and ClusterError: then it is still there."""
    policy.require("manage_domains", by=by, app=row.app)
    with transaction.atomic():
        app = _locked(row.app, by)
        if not Domain.objects.filter(pk=row.pk).delete()[0]:
            raise Invalid(f"{row.host} was removed meanwhile.")
        _note(app, "remove_domain", by=by, subject=row.host, service=row.service)
    try:
        domains.write(app)
    except (ClusterError, NotAllowed) as error:
        _give_back(row, why=error.message)
        raise


def entrances(app: App, *, by: Actor) -> dict[str, list[str]]:
    """Host → where its cluster lets requests for it in: addresses, or names of hosts; [] where it says none yet.

    Raises NotAllowed, ClusterUnavailable.
    """
    policy.require("view", by=by, app=app)
    return inspect.entrances(app)


def _locked(app: App, by: Actor) -> App:
    app = locked(App.objects.all()).get(pk=app.pk)
    policy.require("manage_domains", by=by, app=app)
    return app


def _note(app: App, action: str, *, by: Actor, subject: str, **detail: object) -> None:
    """Raising the count has the cluster told, by the reaper, if whoever is about to do so dies."""
    App.objects.filter(pk=app.pk).update(domains_changed=F("domains_changed") + 1)
    audit.record(action, by=by, app=app, subject=subject, **detail)
    logs.pages_changed(app.pk)


# --- What the cluster did not take ----------------------------------------------------------------------------------


def _take_back(row: Domain, *, why: str) -> None:
    """The cluster may have heard of it all the same: it is told anew when it answers."""
    with transaction.atomic():
        app = locked(App.objects.filter(pk=row.app_id)).first()
        if app is not None and Domain.objects.filter(pk=row.pk).delete()[0]:
            _note(app, "remove_domain", by=policy.SYSTEM, subject=row.host, undone=why)


def _give_back(row: Domain, *, why: str) -> None:
    with transaction.atomic():
        app = locked(App.objects.filter(pk=row.app_id)).first()
        columns = {"service": row.service, "by": row.by, "by_label": row.by_label, "created_at": row.created_at}
        if app is None or Domain.objects.filter(cluster=row.cluster_id, host=row.host).exists():
            return  # somebody was given it in this moment
        try:
            with transaction.atomic():
                made = Domain.objects.create(app=app, cluster_id=row.cluster_id, host=row.host, **columns)
        except IntegrityError:
            return
        Domain.objects.filter(pk=made.pk).update(created_at=row.created_at)
        _note(app, "add_domain", by=policy.SYSTEM, subject=row.host, undone=why)


# --- What may be asked for ------------------------------------------------------------------------------------------


def _checked(app: App, host: str) -> str:
    """In small letters: names of hosts are the same in both (RFC 4343)."""
    host = host.strip().lower()
    try:
        HOST.validate_python(host)
    except ValidationError as error:
        raise Invalid(
            f"“{host[:60]}” can't be a domain: names of letters, digits and hyphens with dots between them, no "
            "address; *.example.com stands for all names right below example.com; what is not ASCII is xn--…."
        ) from error
    door = _door(app)
    if door and host.endswith(door):
        raise Invalid(f"Hosts that end with {door} are given by the embedded cluster, one to each app.")
    return host


def _door(app: App) -> str:
    """How the hosts end that the embedded cluster gives; "" where it gives none."""
    if app.cluster.kind != EMBEDDED or not settings.DEPLOYER_APP_URL:
        return ""
    return (urlsplit(settings.DEPLOYER_APP_URL.format(app="app")).hostname or "").removeprefix("app")


def reachable_services(app: App) -> list[str] | None:
    """Those that a domain can lead to, by name: of the active release and the newest; None before the first."""
    newest = app.releases.order_by("-created_at", "-id").defer("env", "images").first()
    if newest is None:
        return None
    known = {release.pk: release for release in filter(None, (app.active_release, newest))}
    services = [pair for release in known.values() for pair in release.manifest["services"].items()]
    return sorted({name for name, service in services if service["port"]})


def _service(app: App, asked: str) -> str:
    with_port = reachable_services(app)
    if with_port is None:  # nobody knows yet which services there will be
        asked = asked or "web"
        if not SERVICE_NAME.match(asked):
            raise Invalid(f"“{asked[:60]}” can't be a service's name.")
        return asked
    if asked:
        if asked not in with_port:
            known = f"{', '.join(with_port)} can be reached" if with_port else "none can be reached"
            raise Invalid(f"{app.name} has no service “{asked[:60]}” with a port: {known}.")
        return asked
    if "web" in with_port or len(with_port) == 1:
        return "web" if "web" in with_port else with_port[0]
    raise Invalid(
        f"Name the service that it leads to: {', '.join(with_port)}."
        if with_port
        else f"{app.name} has no service with a port: nobody can reach it."
    )


def _refuse_taken(app: App, host: str, by: Actor) -> None:
    """Raises Taken: it leads to an app of this cluster already, by its own domains or by its manifest."""
    row = Domain.objects.filter(cluster=app.cluster_id, host=host).select_related("app").first()
    if row is not None:
        raise Taken(f"{host} is a domain of {_named(row.app, app, by)} already.")
    active = App.objects.filter(cluster=app.cluster_id, active_release__isnull=False).values("active_release")
    coming = Rollout.unfinished().filter(app__cluster=app.cluster_id).values("release")
    named = Release.objects.filter(Q(pk__in=active) | Q(pk__in=coming))
    named = named.annotate(text=Cast("manifest", TextField())).filter(text__contains=f'"{host}"')
    for release in named.select_related("app").defer("env", "images"):
        if any(host in service["domain"] for service in release.manifest["services"].values()):
            raise Taken(f"{host} is in the manifest of {_named(release.app, app, by)} already, of {release.pk}.")


def _named(other: App, app: App, by: Actor) -> str:
    return other.name if other.pk == app.pk or policy.reaches(other.pk, by=by) else "another app"
