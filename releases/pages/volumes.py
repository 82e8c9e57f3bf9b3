"""An app's volumes that no service uses any more."""

from concurrent.futures import TimeoutError as NotYet
from functools import partial

from releases import actions
from releases.errors import DeployerError
from releases.models import App
from releases.pages.looks import look
from releases.pipeline.volumes import Orphan
from releases.policy import Actor

FRESH_SECONDS = 10.0
PATIENCE_SECONDS = 0.2  # beside the processes, which the page waits for anyway


def orphaned(app: App, *, by: Actor) -> list[Orphan]:
    """By name; none while the cluster has not said. Never raises, never waits long."""
    if not app.rollouts_made:
        return []
    ask = partial(actions.orphaned_volumes, app, by=by)
    try:
        return look("volumes", app, ask, fresh_seconds=FRESH_SECONDS).result(PATIENCE_SECONDS)
    except (NotYet, DeployerError):
        return []
