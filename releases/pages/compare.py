"""What a release would change, compared with the active one."""

from dataclasses import dataclass
from typing import Any

from releases.models import Release
from releases.pipeline import differences
from releases.pipeline.differences import Value

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
    found = _build(new, old) + [_of_variable(each) for each in differences.variables(new, old)]
    found += [_of_value(each) for each in differences.manifest(new, old)]
    more = len(found) - SHOWN
    return found[:SHOWN] + ([Change("~", "", f"and {more} more")] if more > 0 else [])


def _build(new: Release, old: Release) -> list[Change]:
    if new.build_id == old.build_id:
        return []
    build = new.build
    return [Change("+", build.commit[:10] or build.pk, build.subject or build.description or "a new build")]


def _of_variable(found: differences.Variable) -> Change:
    if found.change == "removed":
        return Change("−", "env", f"{found.name} is in the active release and not in this one")
    if found.change == "added":
        return Change("+", "env", f"{found.name} is new")
    return Change("~", "env", f"{found.name} changed")


def _of_value(found: Value) -> Change:
    if found.key:
        return Change("~", found.where, f"{found.key} {_word(found.before)} → {_word(found.after)}")
    if found.before is None:
        return Change("+", found.where, "is a new service")
    return Change("−", found.where, "is in the active release and not in this one")


def _word(value: Any) -> str:
    if value is None or value == "":
        return "none"
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= 80 else words[:79] + "…"
