"""An app's variables: which it has, which it lacks, which are staged, and what somebody is about to change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases import actions, policy
from releases.forms import EnvironmentEdit
from releases.models import App, Release
from releases.policy import Actor, Reason


@dataclass(frozen=True)
class Variable:
    """`value` is None unless it was revealed; `typed` is what somebody put in its place, which was refused or is only
    looked at so far. `needed_by`: what requires it, where it is not set."""

    name: str
    value: str | None = None
    typed: str | None = None
    removing: bool = False
    needed_by: str = ""

    @property
    def shown(self) -> str:
        """What its field holds."""
        return (self.typed if self.typed is not None else self.value) or ""


@dataclass(frozen=True)
class Staged:
    """`change`: added, changed or removed, as against the active release."""

    name: str
    change: str
    sign: str
    tone: str


@dataclass(frozen=True)
class Default:
    """What the manifest sets for `services`; `overridden`: the release has a value of its own."""

    name: str
    value: str
    services: str
    overridden: bool


def context(
    app: App,
    *,
    by: Actor,
    values: Mapping[str, str] | None = None,
    edit: EnvironmentEdit | None = None,
    preview: actions.Difference | None = None,
) -> dict[str, Any]:
    """`values`: for who asked to see them. `edit`: what somebody typed, `preview`: what that would change."""
    release = app.active_release or app.releases.select_related("build").first()
    env = release.env if release else app.with_staged({})
    waiting = _waiting(app, release)
    of = {row.name: row for each in (waiting, release) for row in _missing(each, edit)}
    return {
        "actor": by,
        "app": app,
        "here": "env",
        "release": release,
        "waiting": waiting,
        "variables": [_row(name, values, edit) for name in sorted(env)],
        "missing": [of[name] for name in sorted(of)],
        "missing_now": bool(release and release.missing_variables()),
        "staged": _staged(app) if release else [],
        "defaults": _defaults(release) if release else [],
        "revealed": bool(values) or bool(edit and edit.shown),
        "edit": edit,
        "blank_rows": edit.blank_rows if edit else range(2),
        "preview": preview,
        "seen": actions.seen(app).as_text(),
        "set_refusals": policy.refusals("set_env", by=by, app=app),
        "promote_refusals": _promote_refusals(app, release, by),
        "reveal_refusals": policy.refusals("reveal_env", by=by, app=app) if env else [],
    }


def _row(name: str, values: Mapping[str, str] | None, edit: EnvironmentEdit | None) -> Variable:
    if edit is None:
        return Variable(name, (values or {}).get(name))
    removing = name in edit.unset
    if name in edit.shown:
        return Variable(name, edit.shown[name], edit.shown[name], removing)
    return Variable(name, None, edit.masked.get(name), removing)


def _missing(release: Release | None, edit: EnvironmentEdit | None) -> list[Variable]:
    typed = edit.masked if edit else {}
    names = release.missing_variables() if release else []
    return [Variable(name, typed=typed.get(name), needed_by=_needing(release, name)) for name in names if release]


def _needing(release: Release, name: str) -> str:
    services = release.manifest["services"]
    found = [service for service in services if release.declared(service).get(name, "") is None]
    return f"{', '.join(found)} in {release.pk}"


def _waiting(app: App, release: Release | None) -> Release | None:
    """The newest release, where it has never been promoted: a staged change is made to it."""
    newest = app.releases.only("id", "app_id", "outcome").order_by("-created_at", "-id").first()
    if newest is None or release is None or newest.pk == release.pk or newest.outcome:
        return None
    return app.releases.defer("images").get(pk=newest.pk)


def _staged(app: App) -> list[Staged]:
    active = app.environment()
    found = []
    for name, value in sorted(app.staged.items()):
        if value is None:
            found.append(Staged(name, "removed", "−", "del"))
        elif name in active:
            found.append(Staged(name, "changed", "~", "chg"))
        else:
            found.append(Staged(name, "added", "+", "add"))
    return found


def _defaults(release: Release) -> list[Default]:
    """These are public: they are in the repository."""
    of: dict[tuple[str, str], list[str]] = {}
    for service in release.manifest["services"]:
        for name, value in release.declared(service).items():
            if value is not None:
                of.setdefault((name, value), []).append(service)
    everywhere = len(release.manifest["services"])
    return [
        Default(name, value, "all" if len(services) == everywhere else ", ".join(services), name in release.env)
        for (name, value), services in sorted(of.items())
    ]


def _promote_refusals(app: App, release: Release | None, by: Actor) -> list[Reason]:
    """But for variables that are missing: they may be given here."""
    reasons = policy.refusals("promote", by=by, app=app, release=release)
    return [reason for reason in reasons if reason.name != "variable_missing"]
