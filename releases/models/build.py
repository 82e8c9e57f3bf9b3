"""A build: source made into one image per service."""

from django.db import models
from django.db.models import Q

from releases.models.app import App
from releases.models.identifiers import new_build_id
from releases.models.image import Image
from releases.models.lifecycle import BUILD_MOVES, Lifecycle
from releases.models.manifest_field import ManifestField

UPLOAD, GIT, PUSH, PULL_REQUEST, RECONCILER = "upload", "git", "push", "pull_request", "reconciler"
ORIGINS = [
    (UPLOAD, "Upload"),
    (GIT, "Git"),
    (PUSH, "Push"),
    (PULL_REQUEST, "Pull request"),
    (RECONCILER, "Reconciler"),
]
# Whether GitHub found the commit good, where a promote waits for that.
WAITING, GREEN, RED, MISSED = "waiting", "green", "failed", "missed"


class Build(Lifecycle):
    """`origin`: upload has its source beside the database; git is a person's wish, the others nobody's in person."""

    MOVES = BUILD_MOVES
    AUTOMATIC = (PUSH, PULL_REQUEST, RECONCILER)

    id = models.CharField(primary_key=True, max_length=11, default=new_build_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="builds")
    origin = models.CharField(max_length=20, choices=ORIGINS, default=UPLOAD)
    repository = models.CharField(max_length=1000, blank=True, help_text="a URL without a credential")
    ref = models.CharField(max_length=300, blank=True, help_text="the branch, tag or pull request it was asked by")
    source_bytes = models.PositiveBigIntegerField(default=0)
    commit = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=200, blank=True, help_text="the commit's first line")
    dirty = models.BooleanField(default=False, help_text="the source had changes that are in no commit")
    description = models.CharField(max_length=300, blank=True)
    promote = models.BooleanField(default=False, help_text="promote its release as soon as there is one")
    replace = models.BooleanField(default=False, help_text="its promotion replaces a rollout that runs then")
    note = models.CharField(max_length=500, blank=True)
    refusals = models.JSONField(default=list, help_text="why its release was not promoted: reasons in words")
    cause = models.CharField(max_length=40, blank=True, help_text="why it failed, as a word")
    hint = models.TextField(blank=True, help_text="what to do about that")
    faultless = models.BooleanField(default=False, help_text="it failed, but not through its commit")
    checks = models.CharField(max_length=10, blank=True, help_text="blank: its promote waits for none")
    checks_words = models.CharField(max_length=300, blank=True)
    checks_due = models.DateTimeField(null=True, db_index=True, help_text="when GitHub is asked about them next")
    builder = models.CharField(max_length=20, blank=True)
    builder_why = models.CharField(max_length=300, blank=True)
    log_removed_at = models.DateTimeField(null=True)
    images_removed_at = models.DateTimeField(null=True, help_text="since when nothing may be made of them any more")
    restarts = models.PositiveSmallIntegerField(default=0, help_text="how often it began again after a worker's death")
    cancel_requested_at = models.DateTimeField(null=True)
    told = models.CharField(max_length=20, blank=True, help_text="the status that GitHub was told last")
    manifest = ManifestField(null=True)
    images = models.JSONField(default=dict, help_text="service → image reference by digest")
    steps = models.JSONField(default=list, help_text="what was done when, and for how long")

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["app", "-created_at", "-id"]),
            models.Index(fields=["-created_at", "-id"], name="builds_by_time"),
            models.Index(fields=["app", "commit"]),
            models.Index(fields=["commit"], name="builds_of_commit"),
            models.Index(fields=["app", "-created_at"], condition=Q(finished_at=None), name="unfinished_builds"),
        ]

    def __str__(self) -> str:
        return f"Build {self.id}"

    def get_absolute_url(self) -> str:
        return f"{self.app.get_absolute_url()}/builds/{self.id}"

    @property
    def owner(self) -> str:
        return self.id

    @property
    def images_note(self) -> str:
        """Why some of its images are still there, though they are to go."""
        left = Image.objects.filter(build=self.pk, going_from__isnull=False).exclude(note="")
        return " ".join(dict.fromkeys(left.values_list("note", flat=True)))

    @property
    def is_automatic(self) -> bool:
        """Whether no person asked for it: what it promotes, it promotes by itself."""
        return self.origin in self.AUTOMATIC

    @property
    def title(self) -> str:
        """How its release is described: the commit and its first line, else what the person said."""
        commit = self.commit[:10] + ("+" if self.dirty else "")
        return " ".join(filter(None, ["build", commit, self.description or self.subject])) or "build"
