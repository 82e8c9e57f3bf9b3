"""One function per intention of a person. Each asks policy, does it whole or not at all, and writes the audit."""

from releases.actions.abort import abort
from releases.actions.access import create_token, revoke_token
from releases.actions.account import end_sessions, set_own_password
from releases.actions.app_log import app_log
from releases.actions.apps import create_app, delete_app
from releases.actions.build_queue import ahead_of, start_next_build, take_build
from releases.actions.builds import cancel_build, create_build, finish_build
from releases.actions.clusters import change_cluster, create_cluster, first_cluster, remove_cluster, test_cluster
from releases.actions.connections import Tested, test_source
from releases.actions.deliveries import (
    handle_deliveries,
    open_inboxes,
    receive_deliveries,
    replay_delivery,
    sweep_deliveries,
)
from releases.actions.diagnosis import diagnose, diagnosis_of
from releases.actions.domains import add_domain, entrances, reachable_services, remove_domain
from releases.actions.environment import (
    Difference,
    EnvChange,
    preview_env,
    replace_env,
    retyped_env,
    reveal_env,
    seen,
    set_env,
)
from releases.actions.exports import export_activity
from releases.actions.git_builds import build_again, create_build_from_git
from releases.actions.lock import lock_app, unlock_app
from releases.actions.lock_out import locked_out, locked_out_until, unlock_person
from releases.actions.meanwhile import Seen
from releases.actions.members import remove_member, set_member
from releases.actions.next_release import promote_when_free, start_next
from releases.actions.people import (
    change_person,
    create_person,
    save_person,
    sign_in_link,
    why_they_stay,
)
from releases.actions.processes import orphaned_volumes, processes, restart, scale, stop_process
from releases.actions.pushes import checks_told, head_seen
from releases.actions.queue_place import queue_place
from releases.actions.readiness import readiness
from releases.actions.registries import (
    change_registry,
    create_registry,
    remove_registry,
    test_registry,
    use_registry,
)
from releases.actions.releases import create_release, reveal_difference, reveal_release
from releases.actions.rollouts import continue_rollout, promote, rollback
from releases.actions.runs import run
from releases.actions.sign_ins import Identity, connect_sign_in, disconnect_sign_in, sign_in_with, signed_in
from releases.actions.sources import new_webhook_secret, remove_source, set_source, webhook_url
from releases.actions.staged import discard_staged
from releases.actions.stopping import resume, settle_app, unsettled
from releases.pipeline.app_output.following import AppLog
from releases.pipeline.pushes.letters import Letter

__all__ = [
    "AppLog",
    "Difference",
    "EnvChange",
    "Identity",
    "Letter",
    "Seen",
    "Tested",
    "abort",
    "add_domain",
    "ahead_of",
    "app_log",
    "build_again",
    "cancel_build",
    "change_cluster",
    "change_person",
    "change_registry",
    "checks_told",
    "connect_sign_in",
    "continue_rollout",
    "create_app",
    "create_build",
    "create_build_from_git",
    "create_cluster",
    "create_person",
    "create_registry",
    "create_release",
    "create_token",
    "delete_app",
    "diagnose",
    "diagnosis_of",
    "discard_staged",
    "disconnect_sign_in",
    "end_sessions",
    "entrances",
    "export_activity",
    "finish_build",
    "first_cluster",
    "handle_deliveries",
    "head_seen",
    "lock_app",
    "locked_out",
    "locked_out_until",
    "new_webhook_secret",
    "open_inboxes",
    "orphaned_volumes",
    "preview_env",
    "processes",
    "promote",
    "promote_when_free",
    "queue_place",
    "reachable_services",
    "readiness",
    "receive_deliveries",
    "remove_cluster",
    "remove_domain",
    "remove_member",
    "remove_registry",
    "remove_source",
    "replace_env",
    "replay_delivery",
    "restart",
    "resume",
    "retyped_env",
    "reveal_difference",
    "reveal_env",
    "reveal_release",
    "revoke_token",
    "rollback",
    "run",
    "save_person",
    "scale",
    "seen",
    "set_env",
    "set_member",
    "set_own_password",
    "set_source",
    "settle_app",
    "sign_in_link",
    "sign_in_with",
    "signed_in",
    "start_next",
    "start_next_build",
    "stop_process",
    "sweep_deliveries",
    "take_build",
    "test_cluster",
    "test_registry",
    "test_source",
    "unlock_app",
    "unlock_person",
    "unsettled",
    "use_registry",
    "webhook_url",
    "why_they_stay",
]
