"""A release by hand: of a build that is there, with the variables of today and what is changed of them."""

from collections.abc import Iterable

from django.db import transaction

from releases import audit, logs, policy
from releases.actions import environment, rollouts
from releases.errors import NotAllowed
from releases.models import App, Build, Release, Rollout
from releases.models.build import PULL_REQUEST
from releases.models.locks import locked
from releases.models.storable import fitted
from releases.pipeline import differences
from releases.policy import Actor


def create_release(
    app: App,
    build: Build,
    *,
    by: Actor,
    set: dict[str, str] | None = None,
    unset: list[str] | None = None,
    description: str = "",
    promote: bool = False,
    note: str = "",
    replace: bool = False,
) -> tuple[Release, Rollout | None]:
    """The active variables, what is staged, and on top of both `set` and `unset`: in this release alone.

    `promote`: with its rollout, or neither. Raises Invalid, NotAllowed.
    """
    set, unset = set or {}, unset or []
    environment.check_change(set, unset)
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("create_release", by=by, app=app)
        if set or unset:
            policy.require("set_env", by=by, app=app)
        build = Build.objects.get(pk=build.pk, app=app)  # retention takes images away while it has the app locked
        _refuse(build)
        env = environment.changed(app.with_staged(app.environment()), set, unset)
        environment.check_total(env)
        release = Release.objects.create(
            **fitted(Release, {"description": description or build.title}),
            app=app,
            build=build,
            manifest=build.manifest,
            images=build.images,
            env=env,
            **by.columns(),
        )
        audit.record("create_release", by=by, app=app, subject=release.pk, build=build.pk, set=sorted(set), unset=unset)
        logs.pages_changed(app.pk)
        return release, rollouts.promote(release, by=by, note=note, replace=replace) if promote else None


def reveal_release(release: Release, *, by: Actor) -> dict[str, str]:
    """Its variables with their values. Audited. Raises NotAllowed."""
    policy.require("reveal_env", by=by, app=release.app)
    return _revealed(release, release.env.keys(), by=by)


def reveal_difference(new: Release, old: Release, *, by: Actor) -> tuple[dict[str, str], dict[str, str]]:
    """Those variables of each, with their values, in which the two differ. Audited. Raises NotAllowed."""
    policy.require("reveal_env", by=by, app=new.app)
    names = {found.name for found in differences.variables(new, old)}
    with transaction.atomic():
        return _revealed(new, names, by=by), _revealed(old, names, by=by)


def _revealed(release: Release, names: Iterable[str], *, by: Actor) -> dict[str, str]:
    shown = {name: release.env[name] for name in sorted(names) if name in release.env}
    audit.record("reveal_env", by=by, app=release.app, subject=release.pk, names=list(shown))
    return shown


def _refuse(build: Build) -> None:
    if build.status != "succeeded":
        raise NotAllowed(f"{build.pk} is {build.status}: a release is made of a build that succeeded.")
    if build.origin == PULL_REQUEST:
        raise NotAllowed(f"{build.pk} is of a pull request, which makes no release: build it once it is merged.")
    if build.images_removed_at is not None:
        raise NotAllowed(f"The images of {build.pk} were removed by retention: build it anew.")
