"""An app: one deployed thing, in one namespace of one cluster."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from releases.models.cluster import Cluster
from releases.models.encrypted import EncryptedJSONField
from releases.models.lifecycle import Authored
from releases.models.person import Person
from releases.models.registry import Registry

if TYPE_CHECKING:
    from releases.models.rollout import Rollout

# A namespace is a DNS label of 63 characters, and ours begins with `deployer-`.
NAME_MAX = 40
NAME_PATTERN = r"^[a-z]([a-z0-9-]*[a-z0-9])?\Z"


@dataclass(frozen=True)
class Lock:
    """Nothing is promoted while it holds. `until` None: until somebody takes it away."""

    reason: str
    by_label: str
    since: datetime
    until: datetime | None


class App(Authored):
    name = models.CharField(max_length=NAME_MAX, unique=True, validators=[RegexValidator(NAME_PATTERN)])
    cluster = models.ForeignKey(Cluster, on_delete=models.RESTRICT, related_name="apps")
    registry = models.ForeignKey(
        Registry, null=True, on_delete=models.RESTRICT, related_name="apps", help_text="null: the default one"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    active_release = models.ForeignKey("Release", null=True, on_delete=models.SET_NULL, related_name="+")
    scale = models.JSONField(default=dict, help_text="service → processes, as last asked for by a person")
    processes_seen = models.JSONField(
        default=dict, help_text="service → [ready, wanted], as its cluster said when last looked at"
    )
    staged = EncryptedJSONField(default=dict, help_text="variable → value, or null to unset: for the next build")
    deleting_at = models.DateTimeField(null=True, help_text="since when everything of it is being taken away")
    rollouts_made = models.PositiveIntegerField(default=0)
    next_release = models.ForeignKey(
        "Release", null=True, on_delete=models.SET_NULL, related_name="+", help_text="promoted when what runs now ends"
    )
    next_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    next_by_label = models.CharField(max_length=200, blank=True)
    next_note = models.CharField(max_length=500, blank=True)
    next_automatic = models.BooleanField(default=False, help_text="a push asked for it, not a person")
    stopped_at = models.DateTimeField(null=True, help_text="since when nothing is promoted by itself")
    stopped_by = models.CharField(max_length=200, blank=True)
    stopped_why = models.TextField(blank=True)
    judged = models.PositiveIntegerField(default=0, help_text="the newest rollout whose end has been looked at")
    locked_at = models.DateTimeField(null=True)
    locked_until = models.DateTimeField(null=True, help_text="when the lock ends by itself")
    locked_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    locked_by_label = models.CharField(max_length=200, blank=True)
    lock_reason = models.CharField(max_length=500, blank=True)
    domains_changed = models.PositiveIntegerField(default=0, help_text="how often its own domains were changed")
    domains_applied = models.PositiveIntegerField(default=0, help_text="the change that the cluster knows of")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/apps/{self.name}"

    @property
    def namespace(self) -> str:
        return f"deployer-{self.name}"

    @property
    def unfinished_rollout(self) -> "Rollout | None":
        rollouts = self.rollouts.model
        return rollouts.unfinished().filter(app=self).defer(*rollouts.LARGE).first()

    @property
    def status(self) -> str:
        """In the words of the log: Running, Pending, Updating, Rollback, Stopped."""
        rollout = self.unfinished_rollout
        if rollout:
            return rollout.app_status
        return "Running" if self.active_release_id else "Stopped"

    @property
    def lock(self) -> Lock | None:
        """The one that holds now; one whose time is over is none."""
        if self.locked_at is None or (self.locked_until is not None and self.locked_until <= timezone.now()):
            return None
        return Lock(self.lock_reason, self.locked_by_label, self.locked_at, self.locked_until)

    def environment(self) -> dict[str, str]:
        """The variables of the active release; none before the first."""
        return dict(self.active_release.env) if self.active_release else {}

    def with_staged(self, env: dict[str, str]) -> dict[str, str]:
        """`env` with what is staged applied: what the next build's release gets."""
        merged: dict[str, Any] = {**env, **self.staged}
        return {name: value for name, value in merged.items() if value is not None}
