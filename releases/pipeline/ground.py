"""What every step of a rollout stands on: the rollout, the cluster, the pen, the log, and who may stop it."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connections
from django.utils import timezone

from releases import logs
from releases.clients.cluster import Cluster
from releases.clients.mirror import Mirror
from releases.errors import ClusterUnavailable
from releases.models import Rollout
from releases.pipeline.applying import Object, Writer

OURS = "system/deployer"
ATOM = "system/k8s/atom/app"
TROUBLE_WORTH_A_LINE = 1.0  # seconds that the cluster may be away before the log speaks of it
RETRY_SECONDS = 1.0
SILENCE_SECONDS = 5.0


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
    away_since: datetime | None = None
    said_away: bool = False
    heard_at: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        rollout = self.rollout
        self.mask = logs.Mask.of(rollout.release, rollout.previous)
        self.writer = Writer(
            self.cluster,
            rollout.app.namespace,
            settings.DEPLOYER_INSTALLATION,
            stamp=(rollout.number, rollout.epoch),
        )

    @property
    def namespace(self) -> str:
        return self.rollout.app.namespace

    def say(self, message: str, *, stream: str = OURS, key: str | None = None) -> None:
        """One line of the rollout's log. `key`: said once, also when another worker comes by here again."""
        logs.append(self.rollout, [logs.Line(stream, message, source_key=key)], mask=self.mask)

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
            fresh = Rollout.objects.filter(pk=rollout.pk).values_list("abort_requested_at", "abort_by").first()
            if fresh and fresh[0]:
                rollout.abort_requested_at, rollout.abort_by = fresh
                raise Aborted

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
        """Say once what we wait for, then wait a moment."""
        now = timezone.now()
        self.away_since = self.away_since or now
        if not self.said_away and (now - self.away_since).total_seconds() > TROUBLE_WORTH_A_LINE:
            self.said_away = True
            self.say(f"Waiting for the cluster: {error.message}")
        connections.close_all()
        self.stop.wait(error.retry_after or RETRY_SECONDS)

    def cluster_is_back(self) -> float:
        """Seconds that it was away; 0 when it was not."""
        if self.away_since is None:
            return 0
        away = (timezone.now() - self.away_since).total_seconds()
        if self.said_away:
            self.say(f"The cluster answers again, after {away:.0f} s.")
        self.away_since, self.said_away = None, False
        return away

    def objects(self) -> list[Object]:
        return self.rollout.objects_applied or []
