"""What GitHub is told of a build or a rollout: bodies made from rows, without asking anybody."""

from django.conf import settings

from releases.clients.github import bodies
from releases.clients.github.bodies import Body, DeploymentState, StatusState
from releases.models import App, Build, Rollout

# Statuses whose names begin so are our own: whoever waits for a commit's checks does not wait for these.
CONTEXT = "deployer/"
UNNAMED_INSTALLATION = "local"
BUILD_STATES: dict[str, tuple[StatusState, str]] = {
    "queued": ("pending", "Waits in the queue."),
    "running": ("pending", "Building."),
    "succeeded": ("success", "Built."),
    "failed": ("failure", "The build failed."),
    "cancelled": ("error", "Cancelled."),
    "superseded": ("error", "Superseded."),
}
ROLLOUT_STATES: dict[str, tuple[DeploymentState, str]] = {
    "queued": ("queued", "Waits in the queue."),
    "releasing": ("in_progress", "The release command runs."),
    "rolling": ("in_progress", "Rolling out."),
    "paused": ("in_progress", "Paused."),
    "rolling_back": ("in_progress", "Rolling back"),
    "succeeded": ("success", "Active on every process."),
    "rolled_back": ("failure", "Rolled back"),
    "failed": ("failure", "Failed"),
    "cancelled": ("error", "Cancelled."),
    "superseded": ("inactive", "Superseded."),
}
WITH_REASON = ("rolling_back", "rolled_back", "failed")


def of_build(build: Build) -> Body:
    """Beside its commit."""
    state, words = BUILD_STATES[build.status]
    if build.status == "failed" and build.faultless:
        state = "error"
    said = build.reason if build.is_finished and build.reason else words
    context = CONTEXT + place(build.app)
    return bodies.commit_status(state, context=context, description=said, url=page(build.get_absolute_url()))


def deployment(rollout: Rollout) -> Body:
    """`payload`: what it is known by again, if we end before we have written its number down."""
    release = rollout.release
    what = f"Roll back to {release.rolled_back_to_id}" if release.rolled_back_to_id else f"Promote {release.pk}"
    payload = {
        "deployer": settings.DEPLOYER_INSTALLATION,
        "app": rollout.app.name,
        "rollout": rollout.number,
        "release": release.pk,
    }
    return bodies.deployment(
        release.build.commit,
        environment=place(rollout.app),
        description=f"{what}, by {rollout.by_label}",
        payload=payload,
        # GitHub takes the earlier ones of an environment for inactive only where it does not call it production.
        production=False,
    )


def of_rollout(rollout: Rollout, addresses: list[str]) -> Body:
    """`addresses`: where its app is reached; told once it is there."""
    state, words = ROLLOUT_STATES[rollout.status]
    if rollout.status in WITH_REASON and rollout.reason:
        words = f"{words}: {rollout.reason}"
    elif rollout.is_finished and rollout.status != "succeeded":
        words = rollout.reason or words
    return bodies.deployment_status(
        state,
        description=words,
        log_url=page(rollout.get_absolute_url()),
        environment_url=addresses[0] if addresses and rollout.status == "succeeded" else "",
    )


def place(app: App) -> str:
    """The app, and whose it is where this installation has a name of its own: two may build one repository."""
    installation = settings.DEPLOYER_INSTALLATION
    return app.name if installation == UNNAMED_INSTALLATION else f"{installation}/{app.name}"


def page(path: str) -> str:
    return settings.DEPLOYER_URL + path
