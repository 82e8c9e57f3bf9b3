"""A release: exact images, exact environment, exact manifest. Immutable."""

from typing import Any

from django.db import models

from releases.errors import IllegalTransition
from releases.models.app import App
from releases.models.build import Build
from releases.models.encrypted import EncryptedJSONField
from releases.models.identifiers import new_release_id
from releases.models.lifecycle import Authored
from releases.models.manifest_field import ManifestField

# What each process is given by Deployer itself, or not at all (PORT without a port).
GIVEN = ("DEPLOYER_APP", "DEPLOYER_SERVICE", "DEPLOYER_RELEASE", "DEPLOYER_BUILD", "PORT")


class Release(Authored):
    id = models.CharField(primary_key=True, max_length=11, default=new_release_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="releases")
    build = models.ForeignKey(Build, on_delete=models.RESTRICT, related_name="releases")
    manifest = ManifestField()
    images = models.JSONField()
    env = EncryptedJSONField()
    description = models.CharField(max_length=300)
    rolled_back_to = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+", help_text="the older release that this copies"
    )
    based_on = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+", help_text="the one whose variables this changes"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # No part of what it is, and written by its rollouts alone: of many releases those with a status are found by it.
    outcome = models.CharField(max_length=20, blank=True, help_text="the status of its last rollout; blank: no rollout")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["app", "-created_at", "-id"]),
            models.Index(fields=["app", "outcome", "-created_at", "-id"]),
            models.Index(fields=["app", "by", "-created_at", "-id"]),
            models.Index(fields=["app", "by_label", "-created_at", "-id"]),
            models.Index(fields=["-created_at", "-id"], name="releases_by_time"),
            models.Index(fields=["outcome", "-created_at", "-id"], name="releases_of_outcome"),
            models.Index(fields=["by", "-created_at", "-id"], name="releases_of_person"),
            models.Index(fields=["by_label", "-created_at", "-id"], name="releases_of_label"),
        ]

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise IllegalTransition(f"Release {self.id} can't be changed: a change is a new release.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return f"{self.app.get_absolute_url()}/releases/{self.id}"

    @property
    def has_hosts(self) -> bool:
        """Whether its manifest names a domain."""
        return any(service["domain"] for service in self.manifest["services"].values())

    def missing_variables(self) -> list[str]:
        """The variables that some service requires and the environment lacks, in order."""
        required = {
            name
            for service in self.manifest["services"]
            for name, default in self.declared(service).items()
            if default is None
        }
        return sorted(required - self.env.keys())

    def variables(self) -> set[str]:
        """The names of all that some process of it is given."""
        declared = (name for service in self.manifest["services"] for name in self.declared(service))
        return {*self.env, *GIVEN, *declared}

    def declared(self, service: str) -> dict[str, str | None]:
        """The variables that the manifest declares for `service`, with their defaults; None: it must be given.

        A default anywhere stands: naming a variable again does not take it away. What Deployer gives itself is
        not among them: nobody could set it.
        """
        declared: dict[str, str | None] = dict(self.manifest["environment"])
        for name, default in self.manifest["services"][service]["environment"].items():
            declared[name] = declared.get(name) if default is None else default
        return {name: default for name, default in declared.items() if name not in GIVEN}
