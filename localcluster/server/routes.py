"""From an address to what it names."""

from dataclasses import dataclass
from urllib.parse import unquote

from localcluster.errors import NoSuchResource
from localcluster.store.resources import KINDS, Kind, find, group_versions


class UnknownGroup(Exception):
    """The address is in no API group that is served."""


UNLISTED = {
    "Node": ("proxy",),
    "Pod": ("attach", "binding", "ephemeralcontainers", "eviction", "exec", "portforward", "proxy"),
    "Service": ("proxy",),
    "ServiceAccount": ("token",),
}
"""Subresources that are answered, if only by a refusal, though discovery may not name them."""


@dataclass(frozen=True)
class Target:
    """A collection (no name), an object, or a subresource of it. namespace is None for all, and for kinds without."""

    kind: Kind
    namespace: str | None
    name: str
    subresource: str


def segments(raw_path: bytes) -> list[str]:
    """The parts of an address, decoded one by one, so that an encoded slash separates nothing."""
    path = raw_path.decode("latin-1").removesuffix("/")
    return [unquote(part, errors="replace") for part in path.split("/")[1:]] or [""]


def target(parts: list[str]) -> Target:
    """What an address names. Raises UnknownGroup, NoSuchResource."""
    if parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        group, version, rest = parts[1], parts[2], parts[3:]
    if (group, version) not in set(group_versions()):
        raise UnknownGroup
    if not all(rest):
        raise NoSuchResource
    namespace, rest = _namespace(rest)
    kind = find(group, version, rest[0])
    name, subresource = [*rest[1:], "", ""][:2]
    if kind is None or (len(rest) > 3 and subresource != "proxy"):
        raise NoSuchResource
    if subresource and subresource not in kind.subresources and subresource not in UNLISTED.get(kind.kind, ()):
        raise NoSuchResource
    if (namespace is not None) > kind.namespaced or (kind.namespaced and name and namespace is None):
        raise NoSuchResource
    return Target(kind, namespace, name, subresource)


def _namespace(rest: list[str]) -> tuple[str | None, list[str]]:
    """Splits the namespace off: `namespaces/a/pods` is in one, `namespaces/a` and `namespaces/a/status` are of one."""
    inside = len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in KINDS["Namespace"].subresources
    return (rest[1], rest[2:]) if inside else (None, rest)
