"""The processes of an app as pages draw them while a rollout runs. Pure."""

from typing import Any

from releases.clients.mirror import View
from releases.models import Rollout
from releases.pipeline import processes

Object = dict[str, Any]


def squares(rollout: Rollout, view: View) -> list[Object]:
    """One per process, for pages: the old ones grey, the new ones as they fare."""
    wanted = rollout.previous_id if rollout.status == "rolling_back" else rollout.release_id
    before = {
        uid: exits
        for service in (rollout.baseline or {}).get("services", {}).values()
        for uid, exits in service["exits"].items()
    }
    found = []
    for pod in view.pods:
        if not processes.service(pod):
            continue
        state = processes.state(pod, exits_before=before.get(processes.uid(pod), 0))
        old = processes.release(pod) != wanted
        ailment = processes.ailment(pod)
        found.append(
            {
                "service": processes.service(pod),
                "name": processes.name(pod),
                "state": "old" if old and state in ("ready", "starting") else state,
                "release": processes.release(pod),
                "note": ailment.reason if ailment else "",
            }
        )
    return sorted(found, key=lambda square: (square["service"], square["state"] == "old", square["name"]))
