"""What every action takes, and what somebody's role and token lack for it."""

from typing import NamedTuple

from releases.models import Person, Token
from releases.models.actor import Actor
from releases.policy.reason import Reason

VIEWER, DEPLOYER, ADMINISTRATOR = Person.VIEWER, Person.DEPLOYER, Person.ADMINISTRATOR
RANK = {VIEWER: 1, DEPLOYER: 2, ADMINISTRATOR: 3}

# What a token may at most; its person's role limits it as well.
READ, BUILD, PROMOTE, ADMIN = Token.READ, Token.BUILD, Token.PROMOTE, Token.ADMIN


class Right(NamedTuple):
    """What an action takes: the least role, the scope of a token, and for `everywhere` that it reaches all apps."""

    role: str
    scope: str
    everywhere: bool = False


ACTIONS = {
    "view": Right(VIEWER, READ),
    "view_audit": Right(ADMINISTRATOR, READ, everywhere=True),
    "create_app": Right(DEPLOYER, ADMIN, everywhere=True),
    "delete_app": Right(ADMINISTRATOR, ADMIN),
    "abandon_app": Right(ADMINISTRATOR, ADMIN),
    "create_build": Right(DEPLOYER, BUILD),
    "cancel_build": Right(DEPLOYER, BUILD),
    "promote": Right(DEPLOYER, PROMOTE),
    "rollback": Right(DEPLOYER, PROMOTE),
    "abort": Right(DEPLOYER, PROMOTE),
    "set_env": Right(DEPLOYER, PROMOTE),
    "reveal_env": Right(DEPLOYER, ADMIN),
    "scale": Right(DEPLOYER, PROMOTE),
    "restart": Right(DEPLOYER, PROMOTE),
    "stop_process": Right(DEPLOYER, PROMOTE),
    "run": Right(DEPLOYER, PROMOTE),
    "manage_source": Right(DEPLOYER, ADMIN),
    "resume": Right(DEPLOYER, PROMOTE),
    "replay_delivery": Right(DEPLOYER, ADMIN),
    "create_release": Right(DEPLOYER, PROMOTE),
    "continue_rollout": Right(DEPLOYER, PROMOTE),
    "manage_domains": Right(DEPLOYER, ADMIN),
    "lock": Right(DEPLOYER, ADMIN),
    "unlock": Right(DEPLOYER, ADMIN),
    "manage_members": Right(ADMINISTRATOR, ADMIN),
    "manage_tokens": Right(VIEWER, ADMIN),
    "manage_people": Right(ADMINISTRATOR, ADMIN, everywhere=True),
    "manage_clusters": Right(ADMINISTRATOR, ADMIN, everywhere=True),
    "manage_registries": Right(ADMINISTRATOR, ADMIN, everywhere=True),
}


def role_in(app_id: int, by: Actor) -> str | None:
    """The higher of their own role and that as a member of the app; None for who may nothing at all."""
    return max(by.role, by.roles.get(app_id), key=rank)


def rank(role: str | None) -> int:
    """By which roles are compared: the higher may more."""
    return RANK.get(role or "", 0)


def role(action: str, by: Actor, app_id: int | None = None) -> list[Reason]:
    """What is asked for an app may be theirs as its member; memberships are read only where that matters."""
    right = ACTIONS[action]
    if rank(by.role) >= rank(right.role):
        return []
    here = app_id is not None and not right.everywhere
    if here and app_id is not None and rank(role_in(app_id, by)) >= rank(right.role):
        return []
    where = ", here or in general" if here else ""
    return [Reason("role", f"{_named(action)} needs the role {right.role}{where}.", forbidden=True)]


def role_anywhere(action: str, by: Actor) -> list[Reason]:
    """Empty if they have the role in general, or in any app that they reach."""
    reached = [app_id for app_id in by.roles if by.apps is None or app_id in by.apps]
    return role(action, by) if all(role(action, by, app_id) for app_id in reached) else []


def token(action: str, by: Actor, app_id: int | None) -> list[Reason]:
    right, reasons = ACTIONS[action], []
    if by.scopes is not None and right.scope not in by.scopes:
        words = f"{_named(action)} needs a token with the scope {right.scope}."
        reasons.append(Reason("scope", words, forbidden=True))
    if by.apps is not None and (right.everywhere or (app_id is not None and app_id not in by.apps)):
        what = "concerns more than the apps of this token" if right.everywhere else "is not for this token"
        reasons.append(Reason("reach", f"{_named(action)} {what}.", forbidden=True))
    return reasons


def _named(action: str) -> str:
    return action.replace("_", " ").capitalize()
