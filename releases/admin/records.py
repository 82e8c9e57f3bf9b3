"""What was done, said, and who may."""

from django.contrib import admin

from releases.admin.read_only import ReadOnly
from releases.models import AuditEntry, LogLine, Token


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly):
    list_display = ["at", "by_label", "action", "app_name", "subject"]
    list_filter = ["action", "at"]
    search_fields = ["by_label", "app_name", "subject"]
    date_hierarchy = "at"


@admin.register(LogLine)
class LogLineAdmin(ReadOnly):
    list_display = ["owner", "number", "time", "stream", "message"]
    search_fields = ["=owner"]
    ordering = ["-id"]


@admin.register(Token)
class TokenAdmin(ReadOnly):
    list_display = ["name", "prefix", "person", "created_at", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["created_at", "revoked_at"]
    search_fields = ["name", "prefix", "person__username"]
    list_select_related = ["person"]
    exclude = ["digest"]
