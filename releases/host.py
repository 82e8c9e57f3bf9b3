"""The threads that carry rollouts: a worker process carries many at once, and hands all over when it must stop."""

import copy
import logging
import threading
import time

from django.conf import settings
from django.db import OperationalError, connections
from django.utils import timezone

from releases import actions, logs, queues
from releases.clients.cluster import Cluster as Connection
from releases.clients.mirror import Mirror
from releases.errors import ClusterUnavailable, IllegalTransition, Stale
from releases.models import App, Cluster, Rollout
from releases.pipeline import manifests, reach
from releases.pipeline import rollout as procedure
from releases.pipeline.ground import Ground, HandOver

logger = logging.getLogger(__name__)
HAND_OVER_SECONDS = 1.5


class Host:
    """One per worker process."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads: dict[int, threading.Thread] = {}
        self.carried: dict[int, Rollout] = {}
        self.mirrors: dict[int, Mirror] = {}
        self.heart: threading.Thread | None = None
        self.tender: threading.Thread | None = None

    def take(self, rollout_id: int, epoch: int) -> None:
        """Carry it in a thread of its own, if nobody else does and we are not about to stop."""
        if self.stop.is_set():
            return  # the reaper finds it
        taken = Rollout.take(rollout_id, epoch)
        if taken is None:
            return
        thread = threading.Thread(target=self._run, args=(taken,), name=f"rollout-{rollout_id}", daemon=True)
        with self.lock:
            self.carried[rollout_id] = taken
            self.threads[rollout_id] = thread
            if self.heart is None:
                self.heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self.heart.start()
        try:
            thread.start()
        except RuntimeError:  # no more threads: its heart must not go on beating
            self._let_go(taken)
            raise

    def hand_over(self, timeout: float) -> None:
        """Stop carrying; each rollout is enqueued anew for another worker, within `timeout` seconds for all of them.

        One that waits for an answer that late loses the pen, and can do no harm any more.
        """
        self.stop.set()
        until = time.monotonic() + timeout
        with self.lock:
            threads = list(self.threads.values())
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self.lock:
            late = list(self.carried.values())
        for rollout in late:
            self._enqueue_anew(copy.copy(rollout))

    # --- One rollout ------------------------------------------------------------------------------------------------

    def _run(self, rollout: Rollout) -> None:
        try:
            self._carry(rollout)
        except HandOver:
            self._enqueue_anew(rollout)
        except (Stale, IllegalTransition) as error:
            logger.info("%s: %s", rollout, error.message)
        except Exception:
            logger.exception("%s was dropped and waits for the reaper", rollout)
        finally:
            self._let_go(rollout)
            connections.close_all()

    def _let_go(self, rollout: Rollout) -> None:
        with self.lock:
            if self.carried.get(rollout.pk) is rollout:  # else we carry it again, in a later epoch
                del self.carried[rollout.pk]
                self.threads.pop(rollout.pk, None)

    def _carry(self, rollout: Rollout) -> None:
        said = ""
        while True:
            try:
                mirror = self._mirror(rollout.app)
                with mirror.following(rollout.app.namespace) as woken:
                    procedure.carry(Ground(rollout, mirror.cluster, mirror, self.stop, woken))
                self._start_next(rollout)
                return
            except ClusterUnavailable as error:
                if error.message != said:
                    said = error.message
                    words = f"Waiting for the cluster: {said}"
                    logger.warning("%s: %s", rollout, words)
                    logs.append(rollout, [logs.Line("system/deployer", words, source_key="no cluster")])
                _note_absence(rollout)
                connections.close_all()
                if self.stop.wait(1):
                    raise HandOver from error

    def _start_next(self, rollout: Rollout) -> None:
        """What was to wait for the end of this one."""
        try:
            actions.start_next(rollout.app_id)
        except Exception as error:
            logger.warning("what was to follow %s waits for the reaper: %s", rollout, error)

    def _enqueue_anew(self, rollout: Rollout) -> None:
        try:
            if rollout.renew():
                queues.enqueue_rollout(rollout)
        except Exception as error:
            logger.warning("%s could not be handed over and waits for the reaper: %s", rollout, error)

    # --- For all of them --------------------------------------------------------------------------------------------

    def _mirror(self, app: App) -> Mirror:
        """The mirror of the app's cluster as its row says now. Raises ClusterUnavailable."""
        return self._mirror_of(app.cluster_id, reach.cluster_of(app))

    def _mirror_of(self, row_id: int, connection: Connection) -> Mirror:
        with self.lock:
            known = self.mirrors.get(row_id)
            if known is None or known.cluster is not connection:
                if known is not None:
                    known.retire()
                known = self.mirrors[row_id] = Mirror(connection, labels=manifests.OURS, prefix="deployer-")
                known.start()
            return known

    def warm_up(self) -> None:
        """Begin to watch before the first rollout needs it; from then on, keep up with the rows."""
        self._tend()
        if self.tender is None:
            self.tender = threading.Thread(target=self._tend_for_ever, name="mirrors", daemon=True)
            self.tender.start()

    def _tend_for_ever(self) -> None:
        while not self.stop.wait(settings.CLUSTER_CHECK_SECONDS):
            self._tend()

    def _tend(self) -> None:
        """A mirror for each cluster, with the access that it has now; none for one that is gone."""
        try:
            rows = list(Cluster.objects.all())
            for row in rows:
                self._tend_one(row)
            with self.lock:
                for gone in self.mirrors.keys() - {row.pk for row in rows}:
                    self.mirrors.pop(gone).retire()
                    reach.forget(gone)
        except Exception as error:  # the database may be away: the next time sees
            logger.warning("the clusters could not be looked up: %s", error)
        finally:
            connections.close_all()

    def _tend_one(self, row: Cluster) -> None:
        try:
            self._mirror_of(row.pk, reach.connection_to(row))
        except ClusterUnavailable as error:
            logger.info("the cluster %s is not there yet: %s", row, error.message)

    def _beat(self) -> None:
        """A rollout whose heart stops is taken over; so this must go on whatever happens to a single beat."""
        while not self.stop.wait(settings.HEARTBEAT_SECONDS):
            with self.lock:
                carried = list(self.carried.values())
            for rollout in carried:
                try:
                    here = Rollout.objects.filter(pk=rollout.pk, epoch=rollout.epoch)
                    here.update(heartbeat=timezone.now())
                except Exception as error:
                    logger.warning("the heartbeat of %s was missed: %s", rollout, error)
                    if isinstance(error, OperationalError):
                        break  # the database is away: each of the others would wait for it as long
            connections.close_all()


def _note_absence(rollout: Rollout) -> None:
    """So that whoever reaches the cluster moves the deadlines on. Raises Stale: nobody waits for this one any more."""
    if "away_since" in rollout.progress:
        rollout.beat()
    else:
        rollout.write(progress={**rollout.progress, "away_since": timezone.now().isoformat()})


host = Host()


def take(rollout_id: int, epoch: int) -> None:
    host.take(rollout_id, epoch)


def stop(timeout: float = HAND_OVER_SECONDS) -> None:
    host.hand_over(timeout)
    logs.flush()
