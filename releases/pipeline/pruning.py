"""Take away what a release no longer has. A prune that fails is a warning: the next one makes it good."""

from collections.abc import Callable

from releases.clients.cluster import Object
from releases.errors import ClusterError
from releases.pipeline import written
from releases.pipeline.applying import Writer


def prune(writer: Writer, wanted: list[Object], *, kept_secrets: Callable[[], set[str]]) -> list[str]:
    """Delete what the release does not have. Gives warnings: a failed prune is tried again after the next rollout.

    `kept_secrets`: asks the cluster, which may refuse, by which name somebody may still need one.
    """
    try:
        unwanted = writer.surplus(wanted, kept_secrets=kept_secrets())
    except ClusterError as error:
        return [f"What the release no longer has could not be removed: {error.message}"]
    return [warning for live in unwanted if (warning := _removed(writer, live))]


def _removed(writer: Writer, live: Object) -> str:
    """ "" when it is gone; else why not."""
    try:
        return "" if writer.delete(live) else f"{written.words(live)} changed meanwhile and is left for the next time."
    except ClusterError as error:
        return f"{written.words(live)}, which the release no longer has, could not be removed: {error.message}"
