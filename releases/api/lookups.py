"""From the names in an address to the rows. What is not there, or is another app's, is a 404 in words."""

import re

from django.http import Http404

from releases import policy
from releases.models import App, Build, Cluster, Delivery, Domain, Person, Registry, Release, Rollout, Source
from releases.models.app import NAME_PATTERN
from releases.models.cluster import NAME_PATTERN as CLUSTER_NAME_PATTERN
from releases.models.registry import NAME_PATTERN as REGISTRY_NAME_PATTERN
from releases.policy import Actor

ID = re.compile(r"[BR][A-Z]{10}\Z")
NUMBER_MAX = 2**31 - 1
BIG_NUMBER_MAX = 2**63 - 1


def missing(message: str) -> Http404:
    return Http404(message)


def find_app(name: str, *, by: Actor) -> App:
    """An app out of the reach of a token is not there."""
    # Names that can't be are not asked for: a database may refuse what is in them (a NUL).
    if re.match(NAME_PATTERN, name):
        apps = policy.reached(App.objects.filter(name=name), by=by)
        app = apps.select_related("active_release", "cluster").defer("cluster__kubeconfig").first()
        if app is not None:
            return app
    raise missing(f"There is no app {_shown(name)}.")


def find_cluster(name: str) -> Cluster:
    if re.match(CLUSTER_NAME_PATTERN, name):
        cluster = Cluster.objects.filter(name=name).first()
        if cluster is not None:
            return cluster
    raise missing(f"There is no cluster {_shown(name)}.")


def find_registry(name: str) -> Registry:
    if re.match(REGISTRY_NAME_PATTERN, name):
        registry = Registry.objects.filter(name=name).first()
        if registry is not None:
            return registry
    raise missing(f"There is no registry {_shown(name)}.")


def find_person(username: str) -> Person:
    person = Person.objects.filter(username=username).first() if "\x00" not in username else None
    if person is None:
        raise missing(f"There is nobody named {_shown(username)}.")
    return person


def find_build(app: App, build_id: str) -> Build:
    build_id = _identifier(build_id)
    build = Build.objects.select_related("app").filter(app=app, pk=build_id).first()
    if build is None:
        raise missing(f"{app.name} has no build {_shown(build_id)}.")
    return build


def find_release(app: App, release_id: str) -> Release:
    release_id = _identifier(release_id)
    release = Release.objects.select_related("app").filter(app=app, pk=release_id).first()
    if release is None:
        raise missing(f"{app.name} has no release {_shown(release_id)}.")
    return release


def find_rollout(app: App, number: int) -> Rollout:
    rollout = None
    if 0 < number <= NUMBER_MAX:
        rollout = Rollout.objects.select_related("app").defer(*Rollout.LARGE).filter(app=app, number=number).first()
    if rollout is None:
        raise missing(f"{app.name} has no rollout {_shown(str(number))}.")
    return rollout


def find_source(app: App) -> Source:
    source = Source.objects.filter(app=app).first()
    if source is None:
        raise missing(f"{app.name} has no repository: connect one with `deployer source connect`, or on its page.")
    source.app = app
    return source


def find_delivery(app: App, number: int) -> Delivery:
    delivery = None
    if 0 < number <= BIG_NUMBER_MAX:
        delivery = Delivery.objects.defer("body").filter(app=app, pk=number).first()
    if delivery is None:
        raise missing(f"{app.name} has no delivery {_shown(str(number))}.")
    return delivery


def find_domain(app: App, host: str) -> Domain:
    """One of the app's own."""
    row = None
    if host.isascii() and host.isprintable():
        row = Domain.objects.select_related("app", "by").filter(app=app, host=host.lower()).first()
    if row is None:
        raise missing(f"{app.name} has no domain {_shown(host)} of its own.")
    return row


def _identifier(text: str) -> str:
    """IDs are read out and typed: small letters mean the same. What can't be one is not asked for."""
    if not ID.match(text.upper()):
        raise missing(f"{_shown(text)} is no ID.")
    return text.upper()


def _shown(text: str) -> str:
    """As it was sent, but printable and short."""
    return "".join(character if character.isprintable() else "?" for character in text[:60])
