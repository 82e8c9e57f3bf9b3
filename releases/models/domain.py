"""A domain of an app's own, beside those of its manifest: it changes without a release."""

from django.db import models

from releases.models.app import App
from releases.models.cluster import Cluster
from releases.models.lifecycle import Authored

HOST_MAX = 253


class Domain(Authored):
    """`cluster` is the app's, told again: in one cluster a host leads to one app, and the database sees to it."""

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="domains")
    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=HOST_MAX)
    service = models.CharField(max_length=40, help_text="where its requests go")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["host"]
        constraints = [models.UniqueConstraint(fields=["cluster", "host"], name="one_app_per_host")]

    def __str__(self) -> str:
        return self.host
