"""How a status is told: an icon, a word and a tone, so that no colour says anything alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """`tone` is the colour's name in the style sheet: ok, bad, busy or quiet; also that of the tab's icon."""

    icon: str
    word: str
    tone: str


ROLLOUT = {
    "queued": Status("◌", "Queued", "busy"),
    "releasing": Status("◐", "Release command", "busy"),
    "rolling": Status("◐", "Rolling", "busy"),
    "paused": Status("‖", "Paused", "busy"),
    "rolling_back": Status("↺", "Rolling back", "bad"),
    "succeeded": Status("✓", "Succeeded", "ok"),
    "rolled_back": Status("↺", "Rolled back", "bad"),
    "failed": Status("✕", "Failed", "bad"),
    "cancelled": Status("⊘", "Cancelled", "quiet"),
    "superseded": Status("⇥", "Superseded", "quiet"),
}
BUILD = {
    "queued": Status("◌", "Queued", "busy"),
    "running": Status("◐", "Building", "busy"),
    "succeeded": Status("✓", "Succeeded", "ok"),
    "failed": Status("✕", "Failed", "bad"),
    "cancelled": Status("⊘", "Cancelled", "quiet"),
    "superseded": Status("⇥", "Superseded", "quiet"),
}
CLUSTER = {
    "reachable": Status("✓", "Reachable", "ok"),
    "unreachable": Status("✕", "Can't be used", "bad"),
    "unchecked": Status("◌", "Not looked at yet", "busy"),
}
REGISTRY = {
    "reachable": Status("✓", "Answers", "ok"),
    "unreachable": Status("✕", "Can't be used", "bad"),
    "unchecked": Status("◌", "Not tried yet", "quiet"),
}
APP = {
    "Running": Status("●", "Running", "ok"),
    "Pending": Status("◌", "Pending", "busy"),
    "Updating": Status("◐", "Updating", "busy"),
    "Rollback": Status("↺", "Rolling back", "bad"),
    "Stopped": Status("○", "Nothing runs yet", "quiet"),
}
PROCESS = {
    "ready": Status("✓", "Ready", "ok"),
    "starting": Status("◐", "Starting", "busy"),
    "broken": Status("✕", "Broken", "bad"),
    "stopping": Status("◌", "Stopping", "quiet"),
    "ended": Status("○", "Ended", "quiet"),
}
SEVERITY = {
    "error": Status("✕", "Error", "bad"),
    "warning": Status("!", "Warning", "busy"),
    "info": Status("i", "To know", "quiet"),
}
DIAGNOSED_SERVICE = {
    "running": Status("✓", "Running", "ok"),
    "deploying": Status("◐", "Deploying", "busy"),
    "stalled": Status("!", "Stalled", "bad"),
    "failing": Status("✕", "Failing", "bad"),
    "stopped": Status("○", "Stopped", "quiet"),
}
DIAGNOSED_PROCESS = {
    "ready": Status("✓", "Ready", "ok"),
    "starting": Status("◐", "Starting", "busy"),
    "pulling": Status("◐", "Pulling its image", "busy"),
    "pending": Status("◌", "Waits for a place", "busy"),
    "not-ready": Status("▽", "Not ready", "bad"),
    "image": Status("✕", "No image", "bad"),
    "config": Status("✕", "Config is missing", "bad"),
    "start": Status("✕", "Can't start", "bad"),
    "crash-loop": Status("✕", "Crash loop", "bad"),
    "out-of-memory": Status("✕", "Out of memory", "bad"),
    "completed": Status("✕", "Ended by itself", "bad"),
    "evicted": Status("✕", "Evicted", "bad"),
    "stopping": Status("◌", "Stopping", "quiet"),
    "unknown": Status("◌", "Not known", "quiet"),
}
