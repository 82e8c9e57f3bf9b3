"""What every step of a rollout stands on: the rollout, the cluster, the pen, the log, and who may stop it."""

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from releases import logs
from releases.clients.cluster import Cluster
from releases.clients.mirror import Mirror, View
from releases.errors import ClusterUnavailable, RolloutFailed, Stale
from releases.models import Rollout
from releases.pipeline import baseline, following
from releases.pipeline.applying import Object, Writer
from releases.pipeline.event_log import EventLog
from releases.pipeline.ownership import Own
from releases.pipeline.reach import cluster_of

logger = logging.getLogger(__name__)
OURS = "system/deployer"
ATOM = "system/k8s/atom/app"
TROUBLE_WORTH_A_LINE = 1.0  # seconds that the cluster may be away before the log speaks of it
RETRY_SECONDS = 1.0
RETRY_SECONDS_MAX = 30.0
SILENCE_SECONDS = 5.0
AWAY_FOR = timedelta(hours=24)


class HandOver(Exception):
    """This worker stops: somebody else shall go on from here."""


class Aborted(Exception):
    """A person asked for it."""


@dataclass
class Ground:
    """`stop`: set when this worker shall end. `woken`: set when the cluster or a person changed something."""

    rollout: Rollout
    cluster: Cluster
    mirror: Mirror
    stop: threading.Event
    woken: threading.Event
    mask: logs.Mask = field(init=False)
    writer: Writer = field(init=False)
    own: Own = field(init=False)
    away_since: datetime | None = None
    said_away: bool = False
    database_lost: float | None = None
    heard_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        rollout = self.rollout
        self.mask = logs.Mask.of(rollout.release, rollout.previous)
        self.own = Own(settings.DEPLOYER_INSTALLATION)
        self.writer = Writer(
            self.cluster,
            rollout.app.namespace,
            settings.DEPLOYER_INSTALLATION,
            stamp=(rollout.number, rollout.epoch),
        )

        if text := rollout.progress.get("away_since"):
            self.away_since, self.said_away = parse_datetime(text), True

    @property
    def namespace(self) -> str:
        return self.rollout.app.namespace

    def say(self, message: str, *, stream: str = OURS, key: str | None = None) -> None:
        """One line of the rollout's log. `key`: said once, also when another worker comes by here again."""
        logs.append(self.rollout, [logs.Line(stream, message, source_key=key)], mask=self.mask)

    def clean(self, text: str) -> str:
        """What the cluster said, as it may be stored and shown: no value of a variable, nothing unprintable."""
        return logs.clean(self.mask.hide(text))

    def clean_all(self, told: Object) -> Object:
        """The same for each text in `told`, but for times."""
        times = ("since", "until")
        return {
            key: self.clean(value) if isinstance(value, str) and key not in times else value
            for key, value in told.items()
        }

    def say_all(self, lines: list[logs.Line]) -> None:
        if lines:
            logs.append(self.rollout, lines, mask=self.mask)

    def status_line(self, before: str, after: str) -> logs.Line:
        return logs.Line(ATOM, f"Status: {before} => {after}", source_key=f"status {before} {after}")

    def remember(self, **changes: object) -> None:
        """Write columns of the rollout, if it is still ours, and have the pages drawn anew. Raises Stale."""
        self.rollout.write(**changes)
        logs.pages_changed(self.rollout.app_id)

    def check(self, *, abortable: bool = True) -> None:
        """Between any two steps. Raises HandOver, Aborted, Stale."""
        if self.stop.is_set():
            raise HandOver
        if abortable:
            rollout = self.rollout
            mine = Rollout.objects.filter(pk=rollout.pk, epoch=rollout.epoch)
            fresh = mine.values_list("abort_requested_at", "abort_by").first()
            if fresh is None:
                raise Stale(f"{rollout} was taken over by another worker.")
            if fresh[0]:
                rollout.abort_requested_at, rollout.abort_by = fresh
                raise Aborted

    def event_log(self) -> EventLog:
        return following.log_of_events(self.rollout, baseline.told_since(self.rollout))

    def view(self) -> View:
        """What is ours in the namespace, as last reported. Raises ClusterUnavailable."""
        return self.own.view(self.mirror.view(self.namespace))

    def wait(self, seconds: float) -> None:
        """Until something happens in the cluster, or `seconds` have passed. Holds no database connection meanwhile.

        After a long silence the cluster itself is asked. Raises ClusterUnavailable.
        """
        connections.close_all()
        if self.woken.wait(seconds):
            self.heard_at = time.monotonic()
        elif time.monotonic() - self.heard_at > SILENCE_SECONDS:
            self.heard_at = time.monotonic()
            self.mirror.reread(self.namespace)
        self.woken.clear()

    def cluster_is_away(self, error: ClusterUnavailable) -> None:
        """Say once what we wait for, then wait a moment.

        Raises RolloutFailed after a day, HandOver when the kubeconfig names another address or key by now, and Stale:
        its app may be deleted without the cluster.
        """
        now = timezone.now()
        self.away_since = self.away_since or now
        if not self.said_away and (now - self.away_since).total_seconds() > TROUBLE_WORTH_A_LINE:
            self.said_away = True
            asked = f" It asks for {error.retry_after:.0f} s of patience." if error.retry_after else ""
            self.say(f"Waiting for the cluster: {error.message}{asked}")
            self.remember(progress={**self.rollout.progress, "away_since": self.away_since.isoformat()})
        if now - self.away_since > AWAY_FOR:
            self._forget_absence()  # the restore waits for a day of its own
            raise RolloutFailed("The cluster did not answer for a day.", cause="cluster_unavailable")
        if self._is_elsewhere_now():
            raise HandOver
        self.rollout.beat()
        connections.close_all()
        self.stop.wait(min(error.retry_after or RETRY_SECONDS, RETRY_SECONDS_MAX))

    def cluster_is_back(self) -> float:
        """Seconds that it was away; 0 when it was not."""
        if self.away_since is None:
            return 0
        away = max(0.0, (timezone.now() - self.away_since).total_seconds())
        if self.said_away:
            self.say(f"The cluster answers again, after {away:.0f} s.")
        self._forget_absence()
        return away

    def _forget_absence(self) -> None:
        if self.said_away:
            kept = {key: value for key, value in self.rollout.progress.items() if key != "away_since"}
            self.remember(progress=kept)
        self.away_since, self.said_away = None, False

    def database_is_away(self, error: Exception) -> None:
        """Wait a moment; what we waited for can be told only once it is back."""
        logger.warning("%s waits for the database: %s", self.rollout, error)
        if self.database_lost is None:
            self.database_lost = time.monotonic()
        connections.close_all()  # a connection that was cut stays so
        self.stop.wait(1)

    def database_is_back(self) -> None:
        if self.database_lost is not None:
            self._read_again()
            self.say(f"Waited {time.monotonic() - self.database_lost:.0f} s for the database.")
            self.database_lost = None

    def _read_again(self) -> None:
        """Of the write in which the database was lost nobody knows whether it was done. Raises Stale."""
        rollout = self.rollout
        fresh = Rollout.objects.filter(pk=rollout.pk, epoch=rollout.epoch).first()
        if fresh is None:
            raise Stale(f"{rollout} was taken over by another worker.")
        for column in Rollout._meta.concrete_fields:
            setattr(rollout, column.attname, getattr(fresh, column.attname))

    def _is_elsewhere_now(self) -> bool:
        try:
            return cluster_of(self.rollout.app) is not self.mirror.cluster
        except ClusterUnavailable:
            return False

    def objects(self) -> list[Object]:
        return self.rollout.objects_applied or []
