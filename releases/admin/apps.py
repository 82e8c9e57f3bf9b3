"""Apps and what became of them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from releases import actions
from releases.admin.read_only import ReadOnly
from releases.errors import DeployerError
from releases.models import App, Build, Release, Rollout


@admin.register(App)
class AppAdmin(ReadOnly):
    list_display = ["name", "cluster", "active_release", "rollouts_made", "by_label", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name"]
    exclude = ["staged"]
    list_select_related = ["active_release", "cluster"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[App]:
        return super().get_queryset(request).defer("staged", "active_release__env", "cluster__kubeconfig")


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
