"""A build: source made into one image per service."""

from django.db import models

from releases.models.app import App
from releases.models.identifiers import new_build_id
from releases.models.lifecycle import BUILD_MOVES, Lifecycle


class Build(Lifecycle):
    MOVES = BUILD_MOVES

    id = models.CharField(primary_key=True, max_length=11, default=new_build_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="builds")
    source_bytes = models.PositiveBigIntegerField(default=0)
    commit = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=200, blank=True, help_text="the commit's first line")
    dirty = models.BooleanField(default=False, help_text="the source had changes that are in no commit")
    description = models.CharField(max_length=300, blank=True)
    promote = models.BooleanField(default=False, help_text="promote its release as soon as there is one")
    replace = models.BooleanField(default=False, help_text="its promotion replaces a rollout that runs then")
    note = models.CharField(max_length=500, blank=True)
    refusals = models.JSONField(default=list, help_text="why its release was not promoted: reasons in words")
    restarts = models.PositiveSmallIntegerField(default=0, help_text="how often it began again after a worker's death")
    cancel_requested_at = models.DateTimeField(null=True)
    manifest = models.JSONField(null=True)
    images = models.JSONField(default=dict, help_text="service → image reference by digest")

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["app", "-created_at"])]

    def __str__(self) -> str:
        return f"Build {self.id}"

    def get_absolute_url(self) -> str:
        return f"{self.app.get_absolute_url()}/builds/{self.id}"

    @property
    def owner(self) -> str:
        return self.id

    @property
    def title(self) -> str:
        """How its release is described: the commit and its first line, else what the person said."""
        commit = self.commit[:10] + ("+" if self.dirty else "")
        return " ".join(filter(None, ["build", commit, self.description or self.subject])) or "build"
