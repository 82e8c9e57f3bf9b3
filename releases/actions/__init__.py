"""One function per intention of a person. Each asks policy, does it whole or not at all, and writes the audit."""

from releases.actions.abort import abort
from releases.actions.access import create_token, revoke_token
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
from releases.actions.domains import add_domain, remove_domain
from releases.actions.environment import EnvChange, replace_env, reveal_env, set_env
from releases.actions.git_builds import create_build_from_git
from releases.actions.lock import lock_app, unlock_app
from releases.actions.next_release import promote_when_free, start_next
from releases.actions.people import (
    change_person,
    create_person,
    save_person,
    sign_in_link,
    would_leave_no_administrator,
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
from releases.actions.releases import create_release
from releases.actions.rollouts import continue_rollout, promote, rollback
from releases.actions.runs import run
from releases.actions.sources import new_webhook_secret, remove_source, set_source, webhook_url
from releases.actions.stopping import resume, settle_app, unsettled
from releases.pipeline.pushes.letters import Letter

__all__ = [
    "EnvChange",
    "Letter",
    "Tested",
    "abort",
    "add_domain",
    "ahead_of",
    "app_log",
    "cancel_build",
    "change_cluster",
    "change_person",
    "change_registry",
    "checks_told",
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
    "finish_build",
    "first_cluster",
    "handle_deliveries",
    "head_seen",
    "lock_app",
    "new_webhook_secret",
    "open_inboxes",
    "orphaned_volumes",
    "processes",
    "promote",
    "promote_when_free",
    "queue_place",
    "readiness",
    "receive_deliveries",
    "remove_cluster",
    "remove_domain",
    "remove_registry",
    "remove_source",
    "replace_env",
    "replay_delivery",
    "restart",
    "resume",
    "reveal_env",
    "revoke_token",
    "rollback",
    "run",
    "save_person",
    "scale",
    "set_env",
    "set_source",
    "settle_app",
    "sign_in_link",
    "start_next",
    "start_next_build",
    "stop_process",
    "sweep_deliveries",
    "take_build",
    "test_cluster",
    "test_registry",
    "test_source",
    "unlock_app",
    "unsettled",
    "use_registry",
    "webhook_url",
    "would_leave_no_administrator",
]
