"""Variables: a change is a new release, promoted unless it is staged."""

import re
from dataclasses import dataclass, field

from django.db import transaction

from releases import audit, logs, policy
from releases.actions import rollouts
from releases.errors import Invalid
from releases.models import App, Release, Rollout
from releases.models.locks import locked
from releases.policy import Actor

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
VALUE_MAX = 64 * 1024
TOTAL_MAX = 900 * 1024  # a Kubernetes Secret holds 1 MiB


@dataclass(frozen=True)
class EnvChange:
    """What came of a change: a release and its rollout, a release alone (staged), or neither.

    `staged`: kept for the next build, because there is no release yet or that was asked for.
    """

    release: Release | None = None
    rollout: Rollout | None = None
    staged: list[str] = field(default_factory=list)
    changed: bool = True


def set_env(app: App, *, by: Actor, set: dict[str, str], unset: list[str], stage: bool = False) -> EnvChange:
    """Raises Invalid, and NotAllowed, also when the promote would be refused: then nothing has changed."""
    policy.require("set_env", by=by, app=app)
    check_change(set, unset)
    if not set and not unset:
        raise Invalid("No variable was named.")
    with transaction.atomic():
        return _change(_locked(app, by), set, unset, stage=stage, by=by)


def replace_env(app: App, *, by: Actor, variables: dict[str, str], stage: bool = False) -> EnvChange:
    """As `set_env`, but what is not among `variables` is unset, also what was staged."""
    policy.require("set_env", by=by, app=app)
    check_change(variables, [])
    with transaction.atomic():
        app = _locked(app, by)
        base = _base(app, stage=stage)
        known = {*(base.env if base else {}), *app.environment(), *app.staged}
        return _change(app, variables, sorted(known - variables.keys()), stage=stage, by=by)


def _locked(app: App, by: Actor) -> App:
    app = locked(App.objects.all()).get(pk=app.pk)
    policy.require("set_env", by=by, app=app)
    return app


def _change(app: App, set: dict[str, str], unset: list[str], *, stage: bool, by: Actor) -> EnvChange:
    base = _base(app, stage=stage)
    if base is None:
        return _stage_only(app, set, unset, by=by)
    before = dict(base.env)
    after = changed(before, set, unset)
    description = _describe(before, after)
    # Until a release has ever been active, a failed one must not take with it what was set for good.
    keep = stage or app.active_release is None
    staged = _left_staged(app, _merged(app.staged, set, unset), stage=keep, named={*set, *unset})
    if not description:
        return _stage_alone(app, staged, by=by)
    check_total(after)
    release = Release.objects.create(
        app=app,
        build_id=base.build_id,
        manifest=base.manifest,
        images=base.images,
        env=after,
        description=description,
        **by.columns(),
    )
    logs.pages_changed(app.pk)
    audit.record("set_env", by=by, app=app, subject=release.pk, set=sorted(set), unset=unset, stage=stage)
    App.objects.filter(pk=app.pk).update(staged=staged)
    if stage:
        return EnvChange(release=release, staged=sorted({*set, *unset}))
    return EnvChange(release=release, rollout=rollouts.promote(release, by=by))


def reveal_env(app: App, *, by: Actor) -> dict[str, str]:
    """The active release's variables with their values, staged ones applied before the first. Audited."""
    policy.require("reveal_env", by=by, app=app)
    env = app.environment() if app.active_release else app.with_staged({})
    audit.record("reveal_env", by=by, app=app, names=sorted(env))
    return env


def _base(app: App, *, stage: bool) -> Release | None:
    """What a change starts from: the active release, else the newest; staged: the newest not yet promoted."""
    newest = app.releases.order_by("-created_at", "-id").first()
    if stage and newest is not None and not newest.rollouts.exists():
        return newest
    return app.active_release or newest


def _stage_only(app: App, set: dict[str, str], unset: list[str], *, by: Actor) -> EnvChange:
    staged = {name: value for name, value in _merged(app.staged, set, unset).items() if value is not None}
    check_total(staged)
    App.objects.filter(pk=app.pk).update(staged=staged)
    audit.record("set_env", by=by, app=app, set=sorted(set), unset=unset, stage=True)
    logs.pages_changed(app.pk)
    return EnvChange(staged=sorted({*set, *unset}))


def _left_staged(app: App, merged: dict, *, stage: bool, named: set[str]) -> dict:
    """What stays for the next build: nothing that is active already, nor what a later change has decided at once."""
    active = app.environment()
    return {name: value for name, value in merged.items() if active.get(name) != value and (stage or name not in named)}


def _stage_alone(app: App, staged: dict, *, by: Actor) -> EnvChange:
    """The release to begin from has it all; but something else may have been staged, and is taken back by this."""
    if staged == app.staged:
        return EnvChange(changed=False)
    App.objects.filter(pk=app.pk).update(staged=staged)
    changed = sorted({*staged, *app.staged} - {name for name in staged if app.staged.get(name) == staged[name]})
    audit.record("set_env", by=by, app=app, names=changed, stage=True)
    logs.pages_changed(app.pk)
    return EnvChange(staged=changed)


def _merged(staged: dict, set: dict[str, str], unset: list[str]) -> dict:
    return {**staged, **set, **dict.fromkeys(unset)}


def _describe(before: dict[str, str], after: dict[str, str]) -> str:
    """In Convox's words: `env add:FOO change:BAR remove:BAZ`; empty when nothing changed."""
    words = [f"add:{name}" for name in sorted(after.keys() - before.keys())]
    words += [f"change:{name}" for name in sorted(after.keys() & before.keys()) if before[name] != after[name]]
    words += [f"remove:{name}" for name in sorted(before.keys() - after.keys())]
    text = "env " + " ".join(words) if words else ""
    return text if len(text) <= 300 else text[:297] + "…"


def changed(env: dict[str, str], set: dict[str, str], unset: list[str]) -> dict[str, str]:
    """`env` with the change made."""
    return {name: value for name, value in {**env, **set}.items() if name not in unset}


def check_change(set: dict[str, str], unset: list[str]) -> None:
    """Raises Invalid: a name or value that can't be."""
    for name in [*set, *unset]:
        if not NAME.match(name):
            raise Invalid(
                f"“{name[:60]}” can't be a variable's name: letters, digits and _, not beginning with a digit."
            )
        if name == "PORT":
            raise Invalid("PORT is set by Deployer, to the service's port in the manifest.")
    both = sorted({*set} & {*unset})
    if both:
        raise Invalid(f"{both[0]} can't be set and unset at once.")
    for name, value in set.items():
        data = value.encode(errors="ignore")
        if len(data) > VALUE_MAX or "\x00" in value or data.decode() != value:
            raise Invalid(f"The value of {name} is larger than {VALUE_MAX // 1024} KiB, or holds a NUL or no text.")


def check_total(env: dict[str, str]) -> None:
    """Raises Invalid: more than a cluster stores."""
    if sum(len(name) + len(value.encode()) for name, value in env.items()) > TOTAL_MAX:
        raise Invalid(f"All variables together are larger than {TOTAL_MAX // 1024} KiB.")
