"""Who did what, when. Entries outlive the app that they speak of."""

from typing import Any

from django.db import models

from releases.models.lifecycle import Authored

# What people look for together, and the actions of each. What is in no group is a matter of settings.
GROUPS = {
    "promotes": (
        "promote",
        "rollback",
        "abort",
        "continue_rollout",
        "promote_next",
        "drop_promote",
        "stop_promoting",
        "resume",
    ),
    "builds": ("create_build", "cancel_build", "create_release", "replay_delivery", "retention", "images_left"),
    "variables": ("set_env", "reveal_env", "discard_staged"),
    "processes": ("scale", "restart", "stop_process", "run"),
    "access": (
        "create_person",
        "change_person",
        "unlock_person",
        "sign_in",
        "sign_in_link",
        "sign_out_elsewhere",
        "set_password",
        "connect_sign_in",
        "disconnect_sign_in",
        "create_token",
        "revoke_token",
        "set_member",
        "remove_member",
        "export_activity",
    ),
    "clusters": (
        "create_cluster",
        "change_cluster",
        "test_cluster",
        "remove_cluster",
        "create_registry",
        "change_registry",
        "test_registry",
        "remove_registry",
    ),
}
SETTINGS = "settings"
KINDS = (*GROUPS, SETTINGS)
_KIND_OF = {action: kind for kind, actions in GROUPS.items() for action in actions}


class AuditEntry(Authored):
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=40)
    # Follows from the action: of many entries those of a group are found by it.
    kind = models.CharField(max_length=12, default=SETTINGS, editable=False)
    app_name = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=100, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["-at", "-id"], name="entries_by_time"),
            models.Index(fields=["app_name", "-at", "-id"], name="entries_of_app"),
            models.Index(fields=["by", "-at", "-id"], name="entries_of_person"),
            models.Index(fields=["by_label", "-at", "-id"], name="entries_of_label"),
            models.Index(fields=["kind", "-at", "-id"], name="entries_of_kind"),
            models.Index(fields=["action", "-at", "-id"], name="entries_of_action"),
            models.Index(fields=["app_name", "kind", "-at", "-id"], name="entries_of_app_and_kind"),
            models.Index(fields=["by", "kind", "-at", "-id"], name="entries_of_person_and_kind"),
            models.Index(fields=["subject", "-at", "-id"], name="entries_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.by_label}: {self.action} {self.subject}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.kind = _KIND_OF.get(self.action, SETTINGS)
        super().save(*args, **kwargs)
