"""A release: exact images, exact environment, exact manifest. Immutable."""

from typing import Any

from django.db import models

from releases.errors import IllegalTransition
from releases.models.app import App
from releases.models.build import Build
from releases.models.encrypted import EncryptedJSONField
from releases.models.identifiers import new_release_id
from releases.models.lifecycle import Authored


class Release(Authored):
    id = models.CharField(primary_key=True, max_length=11, default=new_release_id, editable=False)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="releases")
    build = models.ForeignKey(Build, on_delete=models.RESTRICT, related_name="releases")
    manifest = models.JSONField()
    images = models.JSONField()
    env = EncryptedJSONField()
    description = models.CharField(max_length=300)
    rolled_back_to = models.ForeignKey(
        "self", null=True, on_delete=models.RESTRICT, related_name="+", help_text="the older release that this copies"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["app", "-created_at", "-id"])]

    def __str__(self) -> str:
        return self.id

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise IllegalTransition(f"Release {self.id} can't be changed: a change is a new release.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return f"{self.app.get_absolute_url()}/releases/{self.id}"

    def missing_variables(self) -> list[str]:
        """The variables that its manifest requires and its environment lacks, in order."""
        declared: dict[str, str | None] = dict(self.manifest["environment"])
        for service in self.manifest["services"].values():
            for name, default in service["environment"].items():
                declared[name] = declared.get(name) if default is None else default
        return sorted(name for name, default in declared.items() if default is None and name not in self.env)
