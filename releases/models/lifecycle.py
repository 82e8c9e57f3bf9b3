"""The one table of legal moves, and the one atomic move.

Builds and rollouts are carried by workers that may die, hang, or come back from the dead. Every write of theirs is
conditional on the epoch that they took, so whoever was taken over from can do no harm.
"""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F
from django.utils import timezone

from releases.errors import IllegalTransition, Stale
from releases.models.person import Person
from releases.models.storable import fitted

BUILD_MOVES: dict[str, set[str]] = {
    "queued": {"running", "failed", "cancelled", "superseded"},
    "running": {"succeeded", "failed", "cancelled"},
    "succeeded": set(),
    "failed": set(),
    "cancelled": set(),
    "superseded": set(),
}
ROLLOUT_MOVES: dict[str, set[str]] = {
    "queued": {"releasing", "rolling", "failed", "cancelled", "superseded"},
    "releasing": {"rolling", "failed", "cancelled", "superseded"},
    "rolling": {"succeeded", "rolling_back", "paused", "superseded"},
    "paused": {"rolling", "rolling_back", "superseded"},
    "rolling_back": {"rolled_back", "failed"},
    "succeeded": set(),
    "rolled_back": set(),
    "failed": set(),
    "cancelled": set(),
    "superseded": set(),
}

# At most one of these per app: the database itself sees to it.
ROLLOUT_UNFINISHED = [status for status, moves in ROLLOUT_MOVES.items() if moves]


class Authored(models.Model):
    """Something that somebody made: a person, or what the label says when there is none (a push, the system)."""

    by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    by_label = models.CharField(max_length=200)

    class Meta:
        abstract = True


class Lifecycle(Authored):
    """What a build and a rollout share: a status that moves by the table, an epoch, a heartbeat, a numbered log."""

    MOVES: ClassVar[dict[str, set[str]]]

    status = models.CharField(max_length=20, default="queued", db_index=True)
    epoch = models.PositiveIntegerField(default=1)
    taken = models.BooleanField(default=False, help_text="a worker has taken this epoch")
    heartbeat = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True, help_text="why it ended as it did, in a sentence")
    last_line = models.PositiveIntegerField(default=0, help_text="the number of the newest log line")

    class Meta:
        abstract = True

    @classmethod
    def unfinished_statuses(cls) -> list[str]:
        return [status for status, moves in cls.MOVES.items() if moves]

    @classmethod
    def unfinished(cls) -> models.QuerySet[Self]:
        """Those that have not ended: few, behind however many that have.

        Asked by both columns: SQLite takes an index of just these where a comparison without a value says so.
        """
        return cls._default_manager.filter(status__in=cls.unfinished_statuses(), finished_at=None)

    @property
    def is_finished(self) -> bool:
        return not self.MOVES[self.status]

    @property
    def owner(self) -> str:
        """What its log lines are filed under."""
        raise NotImplementedError

    def transition(self, to: str, **changes: Any) -> None:
        """Move to `to` and write `changes` with it, text cut to fit, all or nothing. Raises IllegalTransition."""
        if to not in self.MOVES[self.status]:
            raise IllegalTransition(f"{self} can't go from {self.status} to {to}.")
        if not self.MOVES[to]:
            changes.setdefault("finished_at", timezone.now())
        changes = fitted(type(self), changes)
        here = type(self)._default_manager.filter(pk=self.pk, status=self.status, epoch=self.epoch)
        if not here.update(status=to, **changes):
            raise IllegalTransition(f"{self} has already moved on.")
        self._set(status=to, **changes)

    @classmethod
    def take(cls, pk: Any, epoch: int) -> Self | None:
        """This one, for the only worker that may carry it in this epoch; None if another has it, or it is over."""
        here = cls.unfinished().filter(pk=pk, epoch=epoch, taken=False)
        if not here.update(taken=True, heartbeat=timezone.now()):
            return None
        return cls._default_manager.get(pk=pk)

    def write(self, **changes: Any) -> None:
        """Write these columns if we still carry it, text cut to fit. Raises Stale when somebody else does."""
        changes = fitted(type(self), changes)
        if not type(self)._default_manager.filter(pk=self.pk, epoch=self.epoch).update(**changes):
            raise Stale(f"{self} was taken over by another worker.")
        self._set(**changes)

    def beat(self, now: datetime | None = None) -> None:
        self.write(heartbeat=now or timezone.now())

    def renew(self, *, if_silent: bool = False, **changes: Any) -> bool:
        """Raise the epoch, so that it can be enqueued anew and its former worker can write no more.

        False if somebody else did first, or it is over; `if_silent`: also if it has been taken or its heart has beaten
        since it was read.
        """
        here = self.unfinished().filter(pk=self.pk, epoch=self.epoch)
        if if_silent:
            here = here.filter(taken=self.taken, heartbeat=self.heartbeat)
        if not here.update(epoch=F("epoch") + 1, taken=False, heartbeat=timezone.now(), **changes):
            return False
        self._set(epoch=self.epoch + 1, taken=False, **changes)
        return True

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
