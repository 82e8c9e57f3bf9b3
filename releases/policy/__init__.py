"""Who may do what, and every named reason why not.

One gate for browser, API and command: an action calls `require`, a page shows what `refusals` gives beside the button.
"""

from releases.models import App, Build, Release
from releases.models.actor import Actor
from releases.policy import circumstances, rights
from releases.policy.actors import (
    NOBODY,
    SYSTEM,
    actor_for,
    actor_of,
    actor_with,
    anybody_like,
    author_of,
    automatic,
    reached,
    reaches,
)
from releases.policy.audience import entries_for
from releases.policy.circumstances import MOMENT, running_rollout
from releases.policy.reason import Reason, refusal
from releases.policy.rights import ACTIONS, Right, rank, role_in

__all__ = [
    "ACTIONS",
    "MOMENT",
    "NOBODY",
    "SYSTEM",
    "Actor",
    "Reason",
    "Right",
    "actor_for",
    "actor_of",
    "actor_with",
    "anybody_like",
    "author_of",
    "automatic",
    "entries_for",
    "lacking",
    "rank",
    "reached",
    "reaches",
    "refusal",
    "refusals",
    "require",
    "require_right",
    "role_in",
    "running_rollout",
    "withheld",
]

# What one may do with an app while it is being taken away.
WHILE_DELETING = {"view", "delete_app", "abandon_app", "cancel_build", "abort"}


def refusals(
    action: str,
    *,
    by: Actor,
    app: App | None = None,
    release: Release | None = None,
    replace: bool = False,
    again: Build | None = None,
) -> list[Reason]:
    """All the reasons why `by` may not do `action` now, the gravest first; empty when they may.

    `replace`: a rollout that runs is no reason, unless it is on its way back. `again`: what is to be built once more.
    """
    reasons = lacking(action, by=by, app_id=app.pk if app else release.app_id if release else None)
    if app is not None and app.deleting_at and action not in WHILE_DELETING:
        reasons.append(Reason("being_deleted", f"{app.name} is being deleted."))
    if action == "create_build" and app is not None:
        reasons += (circumstances.not_again(again) if again else []) + circumstances.too_many_builds(app)
    if action in ("promote", "rollback", "run") and release is not None:
        reasons += circumstances.images_removed(release, anew=app is not None)
    if action in ("promote", "rollback") and app is not None:
        reasons += circumstances.locked(app) + circumstances.rollout_in_progress(app, replace=replace)
    if action == "promote" and release is not None:
        reasons += circumstances.variables_missing(release)
        reasons += circumstances.hosts_taken(app, release, by) if app is not None else []
    if action in ("delete_app", "restart") and app is not None:
        reasons += circumstances.rollout_in_progress(app, replaceable=False)
    return reasons


def lacking(action: str, *, by: Actor, app_id: int | None = None) -> list[Reason]:
    """What role and token lack for it, whatever the moment."""
    return rights.role(action, by, app_id) + rights.token(action, by, app_id)


def require_right(action: str, *, by: Actor, app: App) -> None:
    """That they may it in this app at all, though perhaps not now. Raises NotAllowed."""
    if reasons := lacking(action, by=by, app_id=app.pk):
        raise refusal(reasons)


def require(
    action: str,
    *,
    by: Actor,
    app: App | None = None,
    release: Release | None = None,
    replace: bool = False,
    again: Build | None = None,
) -> None:
    """Raises NotAllowed with all reasons."""
    reasons = refusals(action, by=by, app=app, release=release, replace=replace, again=again)
    if reasons:
        raise refusal(reasons)


def withheld(*, by: Actor) -> dict[str, list[str]]:
    """Action → the reasons why `by` may do it nowhere, by role and token; those they may do somewhere are not there."""
    found = {action: rights.role_anywhere(action, by) + rights.token(action, by, None) for action in ACTIONS}
    return {action: [reason.words for reason in reasons] for action, reasons in found.items() if reasons}
