"""A rollout: one try at making a release active."""

from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from releases.models.app import App
from releases.models.encrypted import EncryptedJSONField
from releases.models.lifecycle import ROLLOUT_MOVES, ROLLOUT_UNFINISHED, Lifecycle
from releases.models.release import Release

APP_STATUS = {"queued": "Pending", "releasing": "Pending", "rolling": "Updating", "paused": "Updating"}


class Rollout(Lifecycle):
    MOVES = ROLLOUT_MOVES
    PROMOTE, ROLLBACK = "promote", "rollback"
    # Read by who carries it, or by who asks for just that.
    LARGE = ("objects_applied", "templates_before", "diagnosis")

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="rollouts")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=[(PROMOTE, "Promote"), (ROLLBACK, "Rollback")], default=PROMOTE)
    release = models.ForeignKey(Release, on_delete=models.RESTRICT, related_name="rollouts")
    previous = models.ForeignKey(
        Release, null=True, on_delete=models.RESTRICT, related_name="+", help_text="active when this began"
    )
    replaces = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="+", help_text="the unfinished one that it ended"
    )
    strategy = models.CharField(max_length=20, default="rolling")
    automatic = models.BooleanField(default=False, help_text="a push asked for it, not a person")
    note = models.CharField(max_length=500, blank=True, help_text="why, in the words of who promoted")
    cause = models.CharField(max_length=40, blank=True)
    hint = models.TextField(blank=True)
    evidence = models.JSONField(default=list, help_text="the last lines of the container that failed")
    abort_requested_at = models.DateTimeField(null=True)
    abort_by = models.CharField(max_length=200, blank=True)
    objects_applied = EncryptedJSONField(null=True, help_text="the rendered objects: a restore applies these")
    baseline = models.JSONField(null=True, help_text="what ran before the first write")
    templates_before = EncryptedJSONField(default=dict, help_text="service → its template before the first write")
    progress = models.JSONField(default=dict, help_text="how far it is, for whoever takes over")
    diagnosis = models.JSONField(null=True, help_text="what was found at the moment of the verdict, if it failed")
    squares = models.JSONField(default=list, help_text="the processes as last seen, for pages")
    told = models.CharField(max_length=20, blank=True, help_text="the status that GitHub was told last")
    deployment = models.BigIntegerField(null=True, help_text="GitHub's number of it")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            # With what it is about as a column: else SQLite takes an index of all rollouts of the app for these few.
            models.Index(
                fields=["app", "finished_at", "-created_at"], condition=Q(finished_at=None), name="unfinished_rollouts"
            ),
            models.Index(fields=["-created_at", "-id"], name="rollouts_by_time"),
            models.Index(fields=["app", "-created_at", "-id"], name="rollouts_of_app"),
            models.Index(fields=["status", "-created_at", "-id"], name="rollouts_of_status"),
            models.Index(fields=["app", "status", "-created_at", "-id"], name="rollouts_of_app_and_status"),
            models.Index(fields=["strategy", "-created_at", "-id"], name="rollouts_of_strategy"),
            models.Index(fields=["by", "status", "-created_at", "-id"], name="rollouts_of_person_and_status"),
            models.Index(fields=["by", "-created_at", "-id"], name="rollouts_of_person"),
            models.Index(fields=["by_label", "-created_at", "-id"], name="rollouts_of_label"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["app", "number"], name="rollout_number_per_app"),
            models.UniqueConstraint(
                fields=["app"], condition=Q(status__in=ROLLOUT_UNFINISHED), name="one_unfinished_rollout_per_app"
            ),
        ]

    def __str__(self) -> str:
        return f"Rollout {self.number} of {self.app.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        begins = self._state.adding
        with transaction.atomic():
            super().save(*args, **kwargs)
            if begins:
                self._tell_release()

    def transition(self, to: str, **changes: Any) -> None:
        """As every move; when it was made is kept with the progress, for how long each step took."""
        progress = changes.get("progress", self.progress)
        entered = {**progress.get("entered", {}), to: timezone.now().isoformat()}
        changes["progress"] = {**progress, "entered": entered}
        with transaction.atomic():
            super().transition(to, **changes)
            self._tell_release()

    def _tell_release(self) -> None:
        """An unfinished one is its release's last: no other of the app begins before it has ended."""
        Release.objects.filter(pk=self.release_id).update(outcome=self.status)

    def get_absolute_url(self) -> str:
        return f"{self.app.get_absolute_url()}/rollouts/{self.number}"

    @property
    def owner(self) -> str:
        return f"rollout-{self.pk}"

    @property
    def inherits_change(self) -> bool:
        """Whether it replaced one that had changed what runs: then it can't end as if nothing had happened."""
        return bool(self.progress.get("inherits"))

    @property
    def app_status(self) -> str:
        """What the app's status is while this runs, and right after it."""
        if self.status == "rolling_back":
            return "Rollback"
        if not self.is_finished:
            return APP_STATUS[self.status]
        return "Running" if self.status == "succeeded" or self.app.active_release_id else "Stopped"
