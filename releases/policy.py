"""Who may do what, and every named reason why not.

One gate for browser, API and command: an action calls `require`, a page shows what `refusals` gives beside the button.
"""

from dataclasses import dataclass

from django.conf import settings

from releases.errors import NotAllowed
from releases.models import App, Build, Person, Release
from releases.models.actor import Actor as Actor
from releases.models.lifecycle import Authored

VIEWER, DEPLOYER, ADMINISTRATOR = Person.VIEWER, Person.DEPLOYER, Person.ADMINISTRATOR
RANK = {VIEWER: 1, DEPLOYER: 2, ADMINISTRATOR: 3}

# Every action and the least role that may do it.
ACTIONS = {
    "view": VIEWER,
    "create_app": DEPLOYER,
    "delete_app": ADMINISTRATOR,
    "abandon_app": ADMINISTRATOR,
    "create_build": DEPLOYER,
    "cancel_build": DEPLOYER,
    "promote": DEPLOYER,
    "rollback": DEPLOYER,
    "abort": DEPLOYER,
    "set_env": DEPLOYER,
    "reveal_env": DEPLOYER,
    "scale": DEPLOYER,
    "manage_source": DEPLOYER,
    "resume": DEPLOYER,
    "replay_delivery": DEPLOYER,
    "manage_people": ADMINISTRATOR,
    "manage_clusters": ADMINISTRATOR,
    "manage_registries": ADMINISTRATOR,
}


SYSTEM = Actor(label="system", role=ADMINISTRATOR)
NOBODY = Actor(label="nobody", role=None)


def actor_for(person: Person, *, via: str = "") -> Actor:
    """The person as an actor; `via` names the token that they came with."""
    label = f"{person.username} ({via})" if via else person.username
    return Actor(label=label[:200], role=person.role if person.is_active else None, person=person)


def author_of(row: Authored) -> Actor:
    """Who made `row`, with the rights that they have today."""
    if getattr(row, "is_automatic", False):
        return automatic(row.by_label)
    return actor_of(row.by, row.by_label)


def actor_of(person: Person | None, label: str) -> Actor:
    """Who once said so, with the rights that they have today: none, when they are gone."""
    if person is None:
        return Actor(label=label, role=None)
    return Actor(label=label, role=person.role if person.is_active else None, person=person)


def automatic(label: str) -> Actor:
    """A push, say: who connected the repository wished that it may do what a person who deploys may."""
    return Actor(label=label[:200], role=DEPLOYER)


@dataclass(frozen=True)
class Reason:
    """Why not: a stable name for programs, words for people. `forbidden`: no change of circumstances would help."""

    name: str
    words: str
    forbidden: bool = False

    def __str__(self) -> str:
        return self.words


def refusals(
    action: str, *, by: Actor, app: App | None = None, release: Release | None = None, replace: bool = False
) -> list[Reason]:
    """All the reasons why `by` may not do `action` now, the gravest first; empty when they may.

    `replace`: a rollout that runs is no reason, unless it is on its way back.
    """
    reasons = _role(action, by)
    if app is not None and app.deleting_at and action not in ("delete_app", "abandon_app"):
        reasons.append(Reason("being_deleted", f"{app.name} is being deleted."))
    if action == "create_build" and app is not None:
        reasons += _too_many_builds(app)
    if action in ("promote", "rollback") and release is not None:
        reasons += _images_removed(release, anew=app is not None)
    if action in ("promote", "rollback") and app is not None:
        reasons += _rollout_in_progress(app, replace=replace)
    if action == "promote" and release is not None:
        reasons += _variables_missing(release)
    if action == "delete_app" and app is not None:
        reasons += _rollout_in_progress(app)
    return reasons


def require(
    action: str, *, by: Actor, app: App | None = None, release: Release | None = None, replace: bool = False
) -> None:
    """Raises NotAllowed with all reasons."""
    reasons = refusals(action, by=by, app=app, release=release, replace=replace)
    if reasons:
        raise refusal(reasons)


def refusal(reasons: list[Reason]) -> NotAllowed:
    return NotAllowed(
        reasons[0].words, reasons=[reason.words for reason in reasons], forbidden=any(r.forbidden for r in reasons)
    )


def rollout_in_progress(app_name: str, number: int, release_id: str) -> Reason:
    return Reason("rollout_in_progress", f"Rollout {number} of {app_name} ({release_id}) is still running.")


def _role(action: str, by: Actor) -> list[Reason]:
    needed = ACTIONS[action]
    if RANK.get(by.role or "", 0) >= RANK[needed]:
        return []
    return [Reason("role", f"{action.replace('_', ' ').capitalize()} needs the role {needed}.", forbidden=True)]


def _too_many_builds(app: App) -> list[Reason]:
    unfinished = app.builds.filter(status__in=Build.unfinished_statuses()).count()
    if unfinished < settings.BUILDS_PER_APP:
        return []
    words = f"{unfinished} builds of {app.name} run or wait, and more are not allowed: wait, or cancel one."
    return [Reason("too_many_builds", words)]


def _images_removed(release: Release, *, anew: bool) -> list[Reason]:
    """`anew`: retention may have come between the reading of the release and the lock on its app; a page that lists
    many has read their builds with them."""
    if anew:
        removed = Build.objects.filter(pk=release.build_id).values_list("images_removed_at", flat=True).first()
    else:
        removed = release.build.images_removed_at
    if removed is None:
        return []
    words = f"The images of {release.pk} were removed on {removed:%Y-%m-%d} by retention: build it anew."
    return [Reason("images_removed", words)]


def _rollout_in_progress(app: App, *, replace: bool = False) -> list[Reason]:
    running = app.unfinished_rollout
    if running is None:
        return []
    if replace and running.status == "rolling_back":
        words = f"Rollout {running.number} of {app.name} is being rolled back: wait for its end."
        return [Reason("rolling_back", words)]
    return [] if replace else [rollout_in_progress(app.name, running.number, running.release_id)]


def _variables_missing(release: Release) -> list[Reason]:
    return [
        Reason("variable_missing", f"{name} is required by the manifest and not set: set it with `env set {name}=…`.")
        for name in release.missing_variables()
    ]
