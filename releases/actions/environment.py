"""Variables: a change is a new release, promoted unless it is staged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from releases import audit, logs, policy
from releases.actions import meanwhile, rollouts
from releases.actions.meanwhile import Seen
from releases.errors import Invalid
from releases.models import App, Release, Rollout
from releases.models.locks import locked
from releases.models.variable_name import name_fault
from releases.policy import Actor

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


@dataclass(frozen=True)
class Difference:
    """Names, in order."""

    added: list[str]
    changed: list[str]
    removed: list[str]

    @classmethod
    def of(cls, before: Mapping[str, str], after: Mapping[str, str]) -> "Difference":
        both = sorted(before.keys() & after.keys())
        return cls(
            sorted(after.keys() - before.keys()),
            [name for name in both if before[name] != after[name]],
            sorted(before.keys() - after.keys()),
        )

    def __str__(self) -> str:
        """In Convox's words: `env add:FOO change:BAR remove:BAZ`; empty when nothing changed."""
        words = [f"add:{name}" for name in self.added] + [f"change:{name}" for name in self.changed]
        words += [f"remove:{name}" for name in self.removed]
        text = "env " + " ".join(words) if words else ""
        return text if len(text) <= 300 else text[:297] + "…"


def set_env(
    app: App,
    *,
    by: Actor,
    set: dict[str, str],
    unset: list[str],
    stage: bool = False,
    note: str = "",
    seen: Seen | None = None,
) -> EnvChange:
    """Raises Invalid, and NotAllowed, also when the promote would be refused: then nothing has changed.

    `seen`: what they knew when they began. Raises WrongState if somebody else has changed one of these variables since.
    """
    policy.require("set_env", by=by, app=app)
    check_change(set, unset)
    if not set and not unset:
        raise Invalid("No variable was named.")
    with transaction.atomic():
        app = _locked(app, by)
        if seen is not None:
            meanwhile.refuse(app, seen, {**set, **dict.fromkeys(unset)}, base(app, stage=stage), stage=stage)
        return change(app, set, unset, stage=stage, by=by, note=note)


def preview_env(app: App, *, by: Actor, set: dict[str, str], unset: list[str], stage: bool = False) -> Difference:
    """What `set_env` would do. Raises as that does, but for what keeps a promote from beginning."""
    policy.require("set_env", by=by, app=app)
    check_change(set, unset)
    here = base(app, stage=stage)
    before = here.env if here else app.with_staged({})
    after = changed(before, set, unset)
    check_total(after)
    return Difference.of(before, after)


def seen(app: App) -> Seen:
    """What whoever is shown a page now knows."""
    return Seen.of(app, base(app, stage=False), base(app, stage=True))


def retyped_env(app: App, shown: dict[str, str], *, by: Actor, seen: Seen | None) -> dict[str, str]:
    """Of values that somebody was shown and sent back those that they changed: the others are not theirs to change."""
    policy.require("set_env", by=by, app=app)
    known = meanwhile.known(app, seen)
    return {name: value for name, value in shown.items() if name not in known or _plain(known[name]) != _plain(value)}


def replace_env(app: App, *, by: Actor, variables: dict[str, str], stage: bool = False) -> EnvChange:
    """As `set_env`, but what is not among `variables` is unset, also what was staged."""
    policy.require("set_env", by=by, app=app)
    check_change(variables, [])
    with transaction.atomic():
        app = _locked(app, by)
        here = base(app, stage=stage)
        known = {*(here.env if here else {}), *app.environment(), *app.staged}
        return change(app, variables, sorted(known - variables.keys()), stage=stage, by=by)


def _locked(app: App, by: Actor) -> App:
    app = locked(App.objects.all()).get(pk=app.pk)
    policy.require("set_env", by=by, app=app)
    return app


def change(
    app: App,
    set: dict[str, str],
    unset: list[str],
    *,
    stage: bool,
    by: Actor,
    note: str = "",
    action: str = "set_env",
) -> EnvChange:
    """Of an app that is locked. `action`: as what it is written down."""
    here = base(app, stage=stage)
    if here is None:
        return _stage_only(app, set, unset, by=by, action=action)
    before = dict(here.env)
    after = changed(before, set, unset)
    description = str(Difference.of(before, after))
    # Until a release has ever been active, a failed one must not take with it what was set for good.
    keep = stage or app.active_release is None
    staged = _left_staged(app, _merged(app.staged, set, unset), stage=keep, named={*set, *unset})
    if not description:
        return _stage_alone(app, staged, by=by, action=action)
    check_total(after)
    release = Release.objects.create(
        app=app,
        build_id=here.build_id,
        manifest=here.manifest,
        images=here.images,
        env=after,
        description=description,
        based_on=here,
        **by.columns(),
    )
    logs.pages_changed(app.pk)
    audit.record(action, by=by, app=app, subject=release.pk, set=sorted(set), unset=unset, stage=stage)
    App.objects.filter(pk=app.pk).update(staged=staged)
    if stage:
        return EnvChange(release=release, staged=sorted({*set, *unset}))
    return EnvChange(release=release, rollout=rollouts.promote(release, by=by, note=note))


def reveal_env(app: App, *, by: Actor) -> dict[str, str]:
    """The active release's variables with their values, staged ones applied before the first. Audited."""
    policy.require("reveal_env", by=by, app=app)
    env = app.environment() if app.active_release else app.with_staged({})
    audit.record("reveal_env", by=by, app=app, names=sorted(env))
    return env


def base(app: App, *, stage: bool) -> Release | None:
    """What a change starts from: the active release, else the newest; staged: the newest not yet promoted."""
    newest = app.releases.order_by("-created_at", "-id").first()
    if stage and newest is not None and not newest.rollouts.exists():
        return newest
    return app.active_release or newest


def _stage_only(app: App, set: dict[str, str], unset: list[str], *, by: Actor, action: str) -> EnvChange:
    staged = {name: value for name, value in _merged(app.staged, set, unset).items() if value is not None}
    check_total(staged)
    App.objects.filter(pk=app.pk).update(staged=staged)
    audit.record(action, by=by, app=app, set=sorted(set), unset=unset, stage=True)
    logs.pages_changed(app.pk)
    return EnvChange(staged=sorted({*set, *unset}), changed=staged != app.staged)


def _left_staged(app: App, merged: dict, *, stage: bool, named: set[str]) -> dict:
    """What stays for the next build: nothing that is active already, nor what a later change has decided at once."""
    active = app.environment()
    return {name: value for name, value in merged.items() if active.get(name) != value and (stage or name not in named)}


def _stage_alone(app: App, staged: dict, *, by: Actor, action: str) -> EnvChange:
    """The release to begin from has it all; but something else may have been staged, and is taken back by this."""
    if staged == app.staged:
        return EnvChange(changed=False)
    App.objects.filter(pk=app.pk).update(staged=staged)
    changed = sorted({*staged, *app.staged} - {name for name in staged if app.staged.get(name) == staged[name]})
    audit.record(action, by=by, app=app, names=changed, stage=True)
    logs.pages_changed(app.pk)
    return EnvChange(staged=changed)


def _merged(staged: dict, set: dict[str, str], unset: list[str]) -> dict:
    return {**staged, **set, **dict.fromkeys(unset)}


def changed(env: dict[str, str], set: dict[str, str], unset: list[str]) -> dict[str, str]:
    """`env` with the change made."""
    return {name: value for name, value in {**env, **set}.items() if name not in unset}


def check_change(set: dict[str, str], unset: list[str]) -> None:
    """Raises Invalid with all the reasons: names and values that can't be."""
    faults = [fault for name in [*set, *unset] if (fault := name_fault(name))]
    faults += [f"{name} can't be set and unset at once." for name in sorted({*set} & {*unset})]
    for name, value in set.items():
        data = value.encode(errors="ignore")
        if len(data) > VALUE_MAX or "\x00" in value or data.decode() != value:
            kibibytes = VALUE_MAX // 1024
            faults.append(f"The value of {name[:60]} is larger than {kibibytes} KiB, or holds a NUL or no text.")
    if faults:
        raise Invalid(faults[0], reasons=faults)


def check_total(env: dict[str, str]) -> None:
    """Raises Invalid: more than a cluster stores."""
    if sum(len(name) + len(value.encode()) for name, value in env.items()) > TOTAL_MAX:
        raise Invalid(f"All variables together are larger than {TOTAL_MAX // 1024} KiB.")


def _plain(value: str) -> str:
    """As a browser's text area sends it back."""
    return value.replace("\r\n", "\n").replace("\r", "\n")
