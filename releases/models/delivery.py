"""A delivery: one message of GitHub's, kept as it came, with what was decided about it."""

from django.db import models
from django.utils import timezone

from releases.models.app import App
from releases.models.build import Build
from releases.models.source import BRANCH_MAX

RECEIVED, HANDLED, FAILED = "received", "handled", "failed"
STATUSES = [(RECEIVED, "Received"), (HANDLED, "Handled"), (FAILED, "Failed")]
GUID_MAX = 64


class Delivery(models.Model):
    """`guid`: GitHub's own name of it, the same whenever it is sent again. `body`: JSON, as it was signed.

    Who writes more than one of an app's in a transaction has locked the app before: else two wait for each other.
    """

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="deliveries")
    guid = models.CharField(max_length=GUID_MAX)
    event = models.CharField(max_length=50)
    body = models.BinaryField(null=True, help_text="gone when it is old")
    received_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now, help_text="since when it waits to be handled")
    times = models.PositiveIntegerField(default=1, help_text="how often it has been sent")

    status = models.CharField(max_length=10, choices=STATUSES, default=RECEIVED, db_index=True)
    handled_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True, help_text="what came of it, in words")
    build = models.ForeignKey(Build, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    replayed_by = models.CharField(max_length=200, blank=True, help_text="who asked for it to be handled again")

    repository_id = models.BigIntegerField(null=True, help_text="GitHub's number of the repository that it is about")
    # Of a push: where, from what, to what and when, so that an older one that comes later is known as such.
    ref = models.CharField(max_length=BRANCH_MAX + 20, blank=True)
    before = models.CharField(max_length=40, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    pushed_at = models.BigIntegerField(null=True, help_text="seconds since 1970, by GitHub's clock")
    sender = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-received_at", "-id"]
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["app", "guid"], name="delivery_once_per_app")]
        indexes = [
            models.Index(fields=["app", "-received_at", "-id"]),
            models.Index(fields=["app", "ref", "-pushed_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.guid}"
