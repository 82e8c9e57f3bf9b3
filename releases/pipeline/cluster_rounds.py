"""Looks at every cluster every few seconds, each in a thread of its own: a deaf one delays no other.

And sees to what has been left undone there."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connections

from releases.models import Cluster
from releases.models.encrypted import Sealed
from releases.pipeline import cluster_state, domains, process_counts, reach, runs
from releases.pipeline.cluster_state import Seen

logger = logging.getLogger(__name__)
PATIENCE_SECONDS = 20.0  # more than the time-outs of a look add up to
SILENT = Seen(
    problem="It begins to answer and does not come to an end.",
    hint="See to the API server, to DNS here, and to whatever is between the two.",
)


@dataclass
class Look:
    thread: threading.Thread
    began: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


class Rounds:
    """Of one process. `go` blocks for nothing but the database."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        """`patience`: seconds after which a look that has not ended is a finding of its own."""
        self.patience = patience
        # By row and access: a look that hangs on an old access must not keep the new one from being looked at.
        self.looks: dict[tuple[int, Sealed], Look] = {}
        self.known: set[int] = set()

    def go(self) -> None:
        """Begin what is due. Raises what the database raises."""
        rows = {(row.pk, row.kubeconfig): row for row in Cluster.objects.all()}
        for key, row in rows.items():
            look = self.looks.get(key)
            if look is None or (not look.thread.is_alive() and self._is_due(row, look)):
                self.looks[key] = self._begin(row)
            elif look.thread.is_alive() and look.age > self.patience:
                cluster_state.note(row, SILENT)
        for gone in [key for key, look in self.looks.items() if key not in rows and not look.thread.is_alive()]:
            del self.looks[gone]
        known = {row.pk for row in rows.values()}
        for row_id in self.known - known:
            reach.forget(row_id)
        self.known = known

    def _is_due(self, row: Cluster, look: Look) -> bool:
        return row.checked_at is None or look.age >= settings.CLUSTER_CHECK_SECONDS

    def _begin(self, row: Cluster) -> Look:
        look = Look(threading.Thread(target=_look, args=(row,), name=f"look-{row.name}", daemon=True))
        look.thread.start()
        return look


def _look(row: Cluster) -> None:
    try:
        seen = cluster_state.look(row)
        cluster_state.note(Cluster.objects.get(pk=row.pk, kubeconfig=row.kubeconfig), seen)
        for settle in (process_counts.settle, domains.settle, runs.sweep) if not seen.problem else ():
            _settle(settle, row)
    except Cluster.DoesNotExist:
        logger.debug("%s was changed or removed meanwhile", row)
    except Exception as error:
        logger.warning("the cluster %s could not be looked at: %s", row, type(error).__name__)
    finally:
        connections.close_all()


def _settle(settle: Callable[[Cluster], None], row: Cluster) -> None:
    """What can't be done now is done after the next look."""
    try:
        settle(row)
    except Exception as error:
        logger.warning("something is left undone in the cluster %s: %s", row, error)
