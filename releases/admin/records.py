"""What was done, said and answered, and by which credentials."""

from django.contrib import admin
from django.urls import reverse

from releases.admin.bounds import NewestValues
from releases.admin.read_only import ReadOnly
from releases.models import AuditEntry, IdempotencyKey, Image, LogLine, Token


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ["at", "by_label", "action", "app_name", "subject"]
    list_filter = ["kind", ("action", NewestValues), "at"]
    search_fields = ["app_name", "by_label", "subject"]
    search_help_text = "The beginning of an app's name, of who did it, or of what to."
    date_hierarchy = "at"
    looking = "view_audit"


@admin.register(LogLine)
class LogLineAdmin(ReadOnly):
    list_display = ["owner", "number", "time", "stream", "message"]
    search_fields = ["=owner"]
    search_help_text = "A build's ID, or rollout-<key>: its lines."
    ordering = ["-id"]


@admin.register(Token)
class TokenAdmin(ReadOnly):
    """Without what a token is recognised by."""

    list_display = ["name", "prefix", "person", "scopes", "all_apps", "created_at", "last_used_at", "expires_at"]
    list_filter = ["created_at", "revoked_at"]
    search_fields = ["prefix", "person__username"]
    search_help_text = "The beginning of a token, or of its person's name."
    list_select_related = ["person"]
    exclude = ["digest"]
    ordering = ["-id"]
    looking = "manage_people"


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnly):
    """Without the answers, in which secrets of others may be."""

    list_display = ["asker", "key", "status", "claimed_at", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["asker", "=key"]
    search_help_text = "The beginning of who asked, or the whole key."
    exclude = ["body", "fingerprint", "claim"]
    ordering = ["-created_at"]
    looking = "manage_people"


@admin.register(Image)
class ImageAdmin(ReadOnly):
    list_display = ["__str__", "app_name", "build", "going_from", "tried_at", "given_up_at", "note"]
    list_filter = [("going_from", admin.EmptyFieldListFilter), ("given_up_at", admin.EmptyFieldListFilter)]
    search_fields = ["build", "digest"]
    search_help_text = "The beginning of a build's ID, or of a digest."
    ordering = ["-pk"]

    def page_of(self, row: Image) -> str:
        return reverse("build", args=[row.app_name, row.build])
