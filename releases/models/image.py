"""An image that a build has pushed, or is about to: one day it has to be taken away again."""

from django.db import models
from django.db.models import Q

from releases.models.app import NAME_MAX


class Image(models.Model):
    """App and build are named, not referred to: both may be gone while their images still have to go.

    `repository` is `registry.example.com/team/shop`, or `local/shop` for a folder. Without a `digest` it is whatever
    the registry has under `tag`: nobody has written down yet what was pushed. The row goes with the image.
    """

    build = models.CharField(max_length=11, db_index=True)
    app_name = models.CharField(max_length=NAME_MAX)
    repository = models.CharField(max_length=400)
    tag = models.CharField(max_length=140, blank=True, help_text="blank: a folder, which has none")
    digest = models.CharField(max_length=71, blank=True, db_index=True)
    going_from = models.DateTimeField(null=True, help_text="from when on it has to go; null: it is kept")
    tried_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True, help_text="why it is still there")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["build", "repository", "tag", "digest"], name="one_row_per_image")
        ]
        indexes = [models.Index(fields=["going_from"], condition=Q(going_from__isnull=False), name="images_that_go")]

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"

    @property
    def reference(self) -> str:
        """By tag; "" of a folder."""
        return f"{self.repository}:{self.tag}" if self.tag else ""
