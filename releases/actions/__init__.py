"""One function per intention of a person. Each asks policy, does it whole or not at all, and writes the audit."""

from releases.actions.abort import abort
from releases.actions.access import create_token, revoke_token
from releases.actions.apps import create_app, delete_app
from releases.actions.builds import cancel_build, create_build, finish_build
from releases.actions.environment import EnvChange, reveal_env, set_env
from releases.actions.next_release import promote_when_free, start_next
from releases.actions.people import save_person, would_leave_no_administrator
from releases.actions.processes import processes, scale
from releases.actions.readiness import readiness
from releases.actions.rollouts import promote, rollback

__all__ = [
    "EnvChange",
    "abort",
    "cancel_build",
    "create_app",
    "create_build",
    "create_token",
    "delete_app",
    "finish_build",
    "processes",
    "promote",
    "promote_when_free",
    "readiness",
    "reveal_env",
    "revoke_token",
    "rollback",
    "save_person",
    "scale",
    "set_env",
    "start_next",
    "would_leave_no_administrator",
]
