"""An app's lock: who holds it and why, and what it stops."""

from typing import Any

from releases import policy
from releases.models import App
from releases.pages.app_settings import frame
from releases.policy import Actor

STOPS = (
    "Promoting a release, and rolling back to one.",
    "Changing a variable with an immediate promote.",
    "Promotes by a push: the newest waits, and begins when the lock ends.",
)
LETS = (
    "A rollout that runs goes on, may be aborted, and is restored where it fails.",
    "Builds are made, and variables staged.",
    "Scale, restart, one-off commands and domains.",
    "Unlocking: whoever may deploy can do it.",
)


def context(app: App, *, by: Actor) -> dict[str, Any]:
    return {
        **frame(app, "lock", "Lock", by=by),
        "lock": app.lock,
        "lock_refusals": policy.refusals("lock", by=by, app=app),
        "unlock_refusals": policy.refusals("unlock", by=by, app=app),
        "stops": STOPS,
        "lets": LETS,
        "running": app.unfinished_rollout,
    }
