"""Who did what, when. Entries outlive the app that they speak of."""

from django.db import models

from releases.models.lifecycle import Authored


class AuditEntry(Authored):
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(max_length=40)
    app_name = models.CharField(max_length=40, blank=True, db_index=True)
    subject = models.CharField(max_length=100, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.by_label}: {self.action} {self.subject}".strip()
