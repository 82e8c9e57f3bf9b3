"""In what two releases differ, as data. Never a variable's value."""

import difflib
from dataclasses import dataclass
from typing import Any, Literal

from releases.models import Release
from releases.pipeline.deployer_yml.writing import text as as_text

REQUIRED = "(required)"  # a variable of a manifest without a default


@dataclass(frozen=True)
class Variable:
    """One that is not the same in both."""

    name: str
    change: Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Value:
    """`where`: a service, or “manifest” for what is of none. `key`: as a path (“scale memory”); "" for a whole service.
    None: not there."""

    where: str
    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Image:
    service: str
    before: str | None
    after: str | None


def variables(new: Release, old: Release) -> list[Variable]:
    """The added ones first, then the changed, then the removed, each by name."""
    here, there = new.env, old.env
    found = [Variable(name, "added") for name in sorted(here.keys() - there.keys())]
    found += [Variable(name, "changed") for name in sorted(here.keys() & there.keys()) if here[name] != there[name]]
    return found + [Variable(name, "removed") for name in sorted(there.keys() - here.keys())]


def images(new: Release, old: Release) -> list[Image]:
    """By service."""
    names = sorted(new.images.keys() | old.images.keys())
    found = [Image(name, old.images.get(name), new.images.get(name)) for name in names]
    return [image for image in found if image.before != image.after]


def manifest(new: Release, old: Release) -> list[Value]:
    """New services, what differs in those that both have, services that are gone; then what is of no service."""
    here, there = new.manifest.get("services", {}), old.manifest.get("services", {})
    found = [Value(name, "", None, here[name]) for name in sorted(here.keys() - there.keys())]
    for name in sorted(here.keys() & there.keys()):
        found += _values(name, here[name], there[name])
    found += [Value(name, "", there[name], None) for name in sorted(there.keys() - here.keys())]
    rest = [{key: value for key, value in each.manifest.items() if key != "services"} for each in (new, old)]
    return found + _values("manifest", *rest)


def place(value: Value) -> str:
    """Where in a manifest it is, as a dotted key: `services.web.scale.memory`."""
    key = ".".join(value.key.split())
    return key if value.where == "manifest" else ".".join(filter(None, ("services", value.where, key)))


def manifest_lines(new: Release, old: Release) -> list[str]:
    """The same as a unified diff of the two manifests in YAML; empty when they say the same."""
    before, after = (as_text(release.manifest).splitlines() for release in (old, new))
    return list(difflib.unified_diff(before, after, old.pk, new.pk, lineterm=""))


def _values(where: str, new: dict[str, Any], old: dict[str, Any]) -> list[Value]:
    here, there = _flat(new), _flat(old)
    keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    return [Value(where, key, there.get(key), here.get(key)) for key in keys]


def _flat(section: dict[str, Any], path: str = "") -> dict[str, Any]:
    """`{"scale": {"memory": 512}}` → `{"scale memory": 512}`; what has names (a volume, a port) by them; other lists
    (a command) stay whole."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        where = f"{path} {key}".strip()
        if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
            value = {entry["name"]: {key: part for key, part in entry.items() if key != "name"} for entry in value}
        if key == "environment" and isinstance(value, dict):
            value = {name: REQUIRED if default is None else default for name, default in value.items()}
        flat.update(_flat(value, where) if isinstance(value, dict) else {where: None if value == [] else value})
    return flat
