"""What a release would change, compared with the active one."""

from dataclasses import dataclass
from typing import Any

from releases.models import Build, Release
from releases.pages import commits
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
    """In the order commits, env, manifest, images; at most SHOWN, the last of them saying how many more there are."""
    found = _commits(new, old) + [_of_variable(each) for each in differences.variables(new, old)]
    found += [_of_value(each) for each in differences.manifest(new, old)]
    found += [_of_image(each) for each in differences.images(new, old) if each.before and each.after]
    more = len(found) - SHOWN
    return found[:SHOWN] + ([Change("~", "", f"and {more} more")] if more > 0 else [])


def _commits(new: Release, old: Release) -> list[Change]:
    """What is built of no commit is a build of its own; going back, those that are lost."""
    if new.build_id == old.build_id:
        return []
    if new.build.commit and new.build.commit == old.build.commit:
        return [Change("~", new.build.commit[:10], "the same commit, built anew")]
    if ahead := commits.between(new, old):
        return _told("+", ahead)
    lost = _told("−", commits.between(old, new))
    return lost or [_of_build("+", new.build)]


def _told(sign: str, builds: list[Build]) -> list[Change]:
    found = [_of_build(sign, build) for build in builds[: commits.SHOWN]]
    return found + ([Change(sign, "…", "and older commits")] if len(builds) > commits.SHOWN else [])


def _of_build(sign: str, build: Build) -> Change:
    lost = " (in the active release and not in this one)" if sign == "−" else ""
    return Change(
        sign, build.commit[:10] or build.pk, (build.subject or build.description or "a build of no commit") + lost
    )


def _of_variable(found: differences.Variable) -> Change:
    if found.change == "removed":
        return Change("−", "env", f"{found.name} is in the active release and not in this one")
    if found.change == "added":
        return Change("+", "env", f"{found.name} is new")
    return Change("~", "env", f"{found.name} changed")


def _of_value(found: Value) -> Change:
    if found.key:
        return Change("~", found.where, f"{found.key} {word(found.before)} → {word(found.after)}")
    if found.before is None:
        return Change("+", found.where, "is a new service")
    return Change("−", found.where, "is in the active release and not in this one")


def _of_image(found: differences.Image) -> Change:
    return Change("~", found.service, f"image {_digest(found.before)} → {_digest(found.after)}")


def _digest(image: str | None) -> str:
    """Of `registry/shop@sha256:<64>` the first digits of what tells it from others."""
    return (image or "").rpartition("@")[2].removeprefix("sha256:")[:12]


def word(value: Any) -> str:
    """As short as it fits a line."""
    if value is None:
        return "none"
    if value == "":
        return "(empty)"
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return words if len(words) <= 80 else words[:79] + "…"
