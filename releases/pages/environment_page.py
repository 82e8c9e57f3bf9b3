"""An app's variables: which it has, which it lacks, which are staged."""

from dataclasses import dataclass
from typing import Any

from releases import policy
from releases.models import App
from releases.policy import Actor


@dataclass(frozen=True)
class Variable:
    """`value` is None unless it was revealed. `state`: set, missing (yet required), staged, or removed (staged)."""

    name: str
    state: str
    value: str | None = None


def context(app: App, *, by: Actor, values: dict[str, str] | None = None) -> dict[str, Any]:
    release = app.active_release or app.releases.first()
    env = release.env if release else {}
    missing = release.missing_variables() if release else []
    rows = [Variable(name, "set", (values or {}).get(name)) for name in env]
    rows += [Variable(name, "missing") for name in missing]
    staged = [
        Variable(name, "removed" if value is None else "staged", None if value is None else (values or {}).get(name))
        for name, value in sorted(app.staged.items())
    ]
    return {
        "actor": by,
        "app": app,
        "here": "env",
        "release": release,
        "variables": sorted(rows, key=lambda row: row.name),
        "staged": staged,
        "defaults": _defaults(release.manifest, env) if release else [],
        "revealed": values is not None,
        "set_refusals": policy.refusals("set_env", by=by, app=app),
        "promote_refusals": policy.refusals("promote", by=by, app=app),
        "reveal_refusals": policy.refusals("reveal_env", by=by, app=app),
    }


def _defaults(manifest: dict[str, Any], env: dict[str, str]) -> list[tuple[str, str]]:
    """What the manifest itself sets and nobody has set otherwise, as (name, value); these are public."""
    found = dict(manifest["environment"])
    for service in manifest["services"].values():
        found.update(service["environment"])
    return sorted((name, value) for name, value in found.items() if value is not None and name not in env)
