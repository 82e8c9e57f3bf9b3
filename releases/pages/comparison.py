"""Two releases side by side: what one of them changes of the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.models import Build, Release
from releases.pages import commits
from releases.pages.compare import word
from releases.pages.origin import origin, web_address
from releases.pipeline import differences, repositories
from releases.pipeline.differences import Value
from releases.policy import Actor

RECENT = 25
LINES_SHOWN = 2000
SIGNS = {"added": ("+", "add"), "changed": ("~", "chg"), "removed": ("−", "del")}
TONES = {"+": "add", "-": "del", "@": "chg"}


@dataclass(frozen=True)
class Variable:
    """`before`, `after`: values, for who asked to see them; else None."""

    name: str
    change: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        return SIGNS[self.change][0]

    @property
    def tone(self) -> str:
        return SIGNS[self.change][1]


@dataclass(frozen=True)
class Row:
    """One difference; `key` "" for a whole service. In words, as short as they fit a table."""

    key: str
    before: str
    after: str


@dataclass(frozen=True)
class Host:
    """A domain of a service in one of the two."""

    sign: str
    tone: str
    host: str
    service: str


@dataclass(frozen=True)
class Line:
    text: str
    tone: str


def context(
    new: Release, old: Release, *, by: Actor, before: Mapping[str, str] | None = None, after: Mapping[str, str] = {}
) -> dict[str, Any]:
    """What `new` changes of `old`, both of one app and with their builds. `before`, `after`: values of variables, for
    who asked to see them."""
    variables = [
        Variable(each.name, each.change, (before or {}).get(each.name), after.get(each.name))
        for each in differences.variables(new, old)
    ]
    values = differences.manifest(new, old)
    lines = differences.manifest_lines(new, old)
    images = differences.images(new, old)
    hosts = _hosts(new, old)
    return {
        "actor": by,
        "app": new.app,
        "here": "releases",
        "new": new,
        "old": old,
        "active_id": new.app.active_release_id,
        "recent": _recent(new, old),
        "new_origin": origin(new.build),
        "old_origin": origin(old.build),
        **_commits(new, old),
        "variables": variables,
        "revealed": before is not None,
        "reveal_refusals": policy.refusals("reveal_env", by=by, app=new.app) if variables else [],
        "sections": _sections(values),
        "lines": [Line(text, TONES.get(text[:1], "")) for text in lines[:LINES_SHOWN]],
        "more_lines": max(0, len(lines) - LINES_SHOWN),
        "images": images,
        "hosts": hosts,
        "identical": new.build_id == old.build_id and not (variables or values or images),
    }


def default_other(release: Release) -> Release | None:
    """The active release; for that one, and before the first, the one made right before."""
    app = release.app
    if app.active_release_id and app.active_release_id != release.pk:
        return Release.objects.select_related("build", "app").get(pk=app.active_release_id)
    older = app.releases.filter(created_at__lte=release.created_at).exclude(pk=release.pk)
    return older.select_related("build", "app").order_by("-created_at", "-id").first()


def _recent(new: Release, old: Release) -> list[Release]:
    """To choose from; the one that is chosen is always among them."""
    releases = new.app.releases.exclude(pk=new.pk).only("id", "app_id", "description", "created_at")
    found = list(releases.order_by("-created_at", "-id")[:RECENT])
    return found if old.pk in {release.pk for release in found} else [*found, old]


def _commits(new: Release, old: Release) -> dict[str, Any]:
    ahead, behind = commits.between(new, old), commits.between(old, new)
    return {
        "ahead": ahead[: commits.SHOWN],
        "behind": behind[: commits.SHOWN],
        "more_commits": max(0, len(ahead or behind) - commits.SHOWN),
        "compare_url": _compare_url(old.build, new.build),
    }


def _compare_url(old: Build, new: Build) -> str:
    """GitHub's own comparison of the two commits; "" where it has none."""
    known = repositories.github_name(new.repository) and new.repository == old.repository
    if not known or not (old.commit and new.commit) or old.commit == new.commit:
        return ""
    return f"{web_address(new.repository)}/compare/{old.commit}...{new.commit}"


def _sections(values: list[Value]) -> list[tuple[str, list[Row]]]:
    """(service, its rows), in the order of the differences."""
    found: dict[str, list[Row]] = {}
    for each in values:
        row = Row(each.key, word(each.before), word(each.after)) if each.key else _whole(each)
        found.setdefault(each.where, []).append(row)
    return list(found.items())


def _whole(each: Value) -> Row:
    return Row("", "" if each.before is None else "there", "" if each.after is None else "there")


def _hosts(new: Release, old: Release) -> list[Host]:
    here, there = _domains(new), _domains(old)
    found = [Host("+", "add", host, service) for host, service in sorted(here - there)]
    return found + [Host("−", "del", host, service) for host, service in sorted(there - here)]


def _domains(release: Release) -> set[tuple[str, str]]:
    services = release.manifest["services"].items()
    return {(host, name) for name, service in services for host in service["domain"] or []}
