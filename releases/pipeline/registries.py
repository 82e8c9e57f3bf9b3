"""Which registries an app uses, with which logins: rows, as the clients take them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.fernet import InvalidToken
from django.conf import settings

from releases.clients import registry
from releases.clients.images.plan import Login, login_for
from releases.clients.images.push import without_tag
from releases.clients.registry import checked as checked
from releases.errors import BuildFailed, Invalid, RegistryError
from releases.models import App, Registry

# References to images of an embedded cluster begin so.
EMBEDDED = "local/"
# https://github.com/distribution/reference
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
KEY_LOST = "Give Deployer the key back that it was stored with, or give the registry its password again."


@dataclass(frozen=True)
class Registries:
    """`address`: where the app's images go, "" for nowhere; `logins` by address, also those for base images."""

    address: str = ""
    logins: Mapping[str, Login] = field(default_factory=dict)


def registry_of(app: App) -> Registry | None:
    """Where the app's next images go: its own, else the default one."""
    return app.registry or default()


def default() -> Registry | None:
    return Registry.objects.filter(is_default=True).first()


def registries_of(app: App) -> Registries:
    """For a build. The app's own and the default one: an app gets no login of anybody else's. Raises BuildFailed."""
    own = registry_of(app)
    known = [row for row in (default(), own) if row is not None]
    try:
        return Registries(own.address if own else "", _logins(known))
    except RegistryError as error:
        reasons = [error.message, f"Hint: {error.hint}"]
        raise BuildFailed(error.message, reasons=reasons, faultless=True) from error


def logins_for(app: App, images: Iterable[str]) -> dict[str, Login]:
    """Address → login with which a cluster pulls `images` of `app`: of registries that the app uses, or that its own
    images went to before. Empty where none needs any. Raises RegistryError."""
    images = [image if image.startswith(EMBEDDED) else registry.full(image) for image in images]
    own = registry_of(app)
    uses = {row.pk for row in (own, default()) if row is not None}
    rows = [row for row in Registry.objects.order_by("pk") if _has(row, images)]
    rows = [row for row in rows if row.pk in uses or any(is_of_app(image, row, app.name) for image in images)]
    # Of two with one address the app's own counts.
    return _logins(sorted(rows, key=lambda row: (own is not None and row.pk == own.pk, row.pk in uses)))


def is_of_app(image: str, row: Registry, app_name: str) -> bool:
    """Whether a build of the app pushed it there."""
    return image.startswith(f"{row.address}/{app_name}@")


def login_of(row: Registry) -> Login | None:
    """None where it needs none. Raises RegistryError."""
    if not row.username:
        return None
    try:
        return Login(row.username, row.password.open())
    except InvalidToken as error:
        words = f"The password of the registry {row.name} can't be decrypted: no key of ENCRYPTION_KEYS fits."
        raise RegistryError(words, cause="key", hint=KEY_LOST) from error


def connection_to(row: Registry) -> registry.Registry:
    """Raises RegistryError."""
    return connection(row.address, login_of(row))


def connection(address: str, login: Login | None) -> registry.Registry:
    return registry.Registry(address, login, policy=policy())


def by_digest(image: str, logins: Mapping[str, Login]) -> str:
    """`image` by the digest that its tag has now, as its registry says. Raises RegistryError."""
    address, _, last = registry.full(image).rpartition("/")
    name, _, tag = last.partition(":")
    tag = tag or "latest"
    try:
        there = connection(checked(address), login_for(image, logins))
        checked(f"{address}/{name}")
    except Invalid as error:
        raise RegistryError(error.message, cause="name") from error
    digest = there.digest(name, tag) if TAG.fullmatch(tag) else None
    if digest is None:
        raise RegistryError(f"{address} has no {name}:{tag}.", cause="not_found")
    if not DIGEST.fullmatch(digest):
        raise RegistryError(f"{address} gives no digest of {name}:{tag}.", cause="no_api")
    return f"{without_tag(image)}@{digest}"


def policy() -> registry.Policy:
    return registry.Policy(networks=settings.REGISTRY_NETWORKS, plain=frozenset(settings.REGISTRY_PLAIN_HTTP))


def _has(row: Registry, images: list[str]) -> bool:
    return any(image.startswith(f"{row.address}/") for image in images)


def _logins(rows: Iterable[Registry]) -> dict[str, Login]:
    found = {row.address: login_of(row) for row in rows}
    return {address: login for address, login in found.items() if login is not None}
