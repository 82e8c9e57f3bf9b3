"""The admin: everything to look at, nothing to change but people. What can be done goes through actions."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from releases import actions
from releases.errors import DeployerError
from releases.models import App, AuditEntry, Build, LogLine, Person, Release, Rollout, Token

admin.site.site_header = admin.site.site_title = "Deployer"
admin.site.index_title = "Everything that is stored"
admin.site.unregister(Group)


class ReadOnly(admin.ModelAdmin):
    """Whoever may see the admin may look. Nothing is ever saved from here."""

    list_per_page = 50
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(App)
class AppAdmin(ReadOnly):
    list_display = ["name", "active_release", "rollouts_made", "by_label", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name"]
    exclude = ["staged"]
    list_select_related = ["active_release"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[App]:
        return super().get_queryset(request).defer("staged", "active_release__env")


@admin.register(Build)
class BuildAdmin(ReadOnly):
    list_display = ["id", "app", "status", "title", "by_label", "created_at", "finished_at", "reason"]
    list_filter = ["status", "created_at", "app"]
    search_fields = ["id", "app__name", "commit", "subject", "description"]
    list_select_related = ["app"]


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ["id", "app", "description", "build", "is_active", "by_label", "created_at"]
    list_filter = ["created_at", "app"]
    search_fields = ["id", "app__name", "description", "build__commit"]
    list_select_related = ["app", "build"]
    exclude = ["env"]
    readonly_fields = ["variables"]
    actions = ["promote", "roll_back"]

    @admin.display(boolean=True, description="active")
    def is_active(self, release: Release) -> bool:
        return release.app.active_release_id == release.pk

    @admin.display(description="variables (names)")
    def variables(self, release: Release) -> str:
        return ", ".join(sorted(release.env)) or "none"

    @admin.action(description="Promote")
    def promote(self, request: HttpRequest, queryset: QuerySet[Release]) -> None:
        self._each(request, queryset, actions.promote)

    @admin.action(description="Roll back to")
    def roll_back(self, request: HttpRequest, queryset: QuerySet[Release]) -> None:
        self._each(request, queryset, actions.rollback)

    def _each(self, request: HttpRequest, queryset: QuerySet[Release], action: Any) -> None:
        for release in queryset:
            try:
                rollout = action(release, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                reasons = " ".join(error.reasons) or error.message
                messages.error(request, f"{release.pk}: {reasons}")
            else:
                messages.success(request, f"{rollout} has begun: {rollout.get_absolute_url()}")


@admin.register(Rollout)
class RolloutAdmin(ReadOnly):
    list_display = ["__str__", "release", "kind", "status", "cause", "by_label", "created_at", "finished_at", "reason"]
    list_filter = ["status", "kind", "cause", "created_at", "app"]
    search_fields = ["app__name", "release__id", "reason", "note", "by_label"]
    list_select_related = ["app", "release"]
    exclude = [*Rollout.LARGE]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rollout]:
        return super().get_queryset(request).defer(*Rollout.LARGE, "baseline", "release__env", "release__manifest")


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


class PersonForm(UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Said here as a message; the action refuses it whatever the door."""
        cleaned = super().clean() or self.cleaned_data
        after = Person(pk=self.instance.pk, role=cleaned.get("role", ""), is_active=cleaned.get("is_active", False))
        if actions.would_leave_no_administrator(after):
            raise ValidationError("This is the last administrator: make somebody else one first.")
        return cleaned


@admin.register(Person)
class PersonAdmin(UserAdmin):
    """People have no page of their own yet. Rights follow from the role alone."""

    form = PersonForm

    list_display = ["username", "role", "email", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "email", "first_name", "last_name"]
    ordering = ["username"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Rights", {"fields": ["role", "is_active"]}),
        ("About", {"fields": ["first_name", "last_name", "email", "last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "role", "usable_password", "password1", "password2"]})]

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        actions.save_person(obj, by=request.actor, changed=form.changed_data)  # type: ignore[attr-defined]

    def has_view_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False
