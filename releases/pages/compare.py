"""What a release would change, compared with the active one."""

from dataclasses import dataclass
from typing import Any

from releases.models import Release

SHOWN = 40


@dataclass(frozen=True)
class Change:
    """`sign`: +, ~ or −. `what`: where it is (env, a service, a commit). Never a variable's value."""

    sign: str
    what: str
    words: str

    @property
    def tone(self) -> str:
        return {"+": "add", "~": "chg", "−": "del"}[self.sign]


def changes(new: Release, old: Release) -> list[Change]:
    """In the order build, env, manifest; at most SHOWN, the last of them saying how many more there are."""
    found = _build(new, old) + _env(new.env, old.env) + _manifest(new.manifest, old.manifest)
    more = len(found) - SHOWN
    return found[:SHOWN] + ([Change("~", "", f"and {more} more")] if more > 0 else [])


def _build(new: Release, old: Release) -> list[Change]:
    if new.build_id == old.build_id:
        return []
    build = new.build
    return [Change("+", build.commit[:10] or build.pk, build.subject or build.description or "a new build")]


def _env(new: dict[str, str], old: dict[str, str]) -> list[Change]:
    added = [Change("+", "env", f"{name} is new") for name in sorted(new.keys() - old.keys())]
    changed = [
        Change("~", "env", f"{name} changed") for name in sorted(new.keys() & old.keys()) if new[name] != old[name]
    ]
    gone = [
        Change("−", "env", f"{name} is in the active release and not in this one")
        for name in sorted(old.keys() - new.keys())
    ]
    return added + changed + gone


def _manifest(new: dict[str, Any], old: dict[str, Any]) -> list[Change]:
    here, there = new.get("services", {}), old.get("services", {})
    found = [Change("+", name, "is a new service") for name in sorted(here.keys() - there.keys())]
    for name in sorted(here.keys() & there.keys()):
        found += _values(name, here[name], there[name])
    found += [
        Change("−", name, "is in the active release and not in this one") for name in sorted(there.keys() - here.keys())
    ]
    rest = [{key: value for key, value in manifest.items() if key != "services"} for manifest in (new, old)]
    return found + _values("manifest", *rest)


def _values(what: str, new: dict[str, Any], old: dict[str, Any]) -> list[Change]:
    here, there = _flat(new), _flat(old)
    keys = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
    return [Change("~", what, f"{key} {_word(there.get(key))} → {_word(here.get(key))}") for key in keys]


def _flat(section: dict[str, Any], path: str = "") -> dict[str, Any]:
    """`{"scale": {"memory": 512}}` → `{"scale memory": 512}`; what has names (a volume, a port) by them; other lists
    (a command) stay whole."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        where = f"{path} {key}".strip()
        if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
            value = {entry["name"]: {key: part for key, part in entry.items() if key != "name"} for entry in value}
        flat.update(_flat(value, where) if isinstance(value, dict) else {where: None if value == [] else value})
    return flat


def _word(value: Any) -> str:
    if value is None or value == "":
        return "none"
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= 80 else words[:79] + "…"
