"""Builds, releases and rollouts: what became of apps."""

from django.contrib import admin
from django.db.models import QuerySet

from releases.admin.bounds import NewestValues
from releases.admin.deeds import Deeds
from releases.admin.read_only import ReadOnly
from releases.models import Build, Release, Rollout


@admin.register(Build)
class BuildAdmin(ReadOnly):
    list_display = ["id", "app", "status", "title", "origin", "by_label", "created_at", "finished_at", "cause"]
    list_filter = ["status", "origin", ("cause", NewestValues), "created_at"]
    date_hierarchy = "created_at"
    search_fields = ["id", "app__name", "commit"]
    search_help_text = "The beginning of an ID, a commit or an app's name."
    list_select_related = ["app"]
    ordering = ["-created_at", "-id"]


@admin.register(Release)
class ReleaseAdmin(Deeds):
    list_display = ["id", "app", "description", "build", "outcome", "is_active", "by_label", "created_at"]
    list_filter = [("outcome", NewestValues), "created_at"]
    date_hierarchy = "created_at"
    search_fields = ["id", "app__name", "build__id"]
    search_help_text = "The beginning of an ID, a build's ID or an app's name."
    list_select_related = ["app", "build"]
    readonly_fields = ["variables"]

    @admin.display(boolean=True, description="active")
    def is_active(self, release: Release) -> bool:
        return release.app.active_release_id == release.pk

    @admin.display(description="variables (names)")
    def variables(self, release: Release) -> str:
        return ", ".join(sorted(release.env)) or "none"

    def to_promote(self, row: Release) -> Release:
        return row

    def to_go_back_to(self, row: Release) -> Release:
        return row

    def rollouts_of(self, row: Release) -> QuerySet[Rollout]:
        return row.rollouts.select_related("app").defer(*Rollout.LARGE, "baseline", "app__staged")


@admin.register(Rollout)
class RolloutAdmin(Deeds):
    """Without what it has seen and rendered: that is for whoever carries it."""

    list_display = ["__str__", "release", "kind", "status", "cause", "by_label", "created_at", "finished_at", "reason"]
    list_filter = ["status", "kind", "strategy", ("cause", NewestValues), "created_at"]
    date_hierarchy = "created_at"
    search_fields = ["release__id", "app__name"]
    search_help_text = "The beginning of a release's ID, or of an app's name."
    list_select_related = ["app", "release"]
    exclude = ["baseline", "progress", "squares"]

    def to_promote(self, row: Rollout) -> Release:
        return row.release

    def to_go_back_to(self, row: Rollout) -> Release:
        return row.release

    def rollouts_of(self, row: Rollout) -> QuerySet[Rollout]:
        return Rollout.objects.filter(pk=row.pk).select_related("app").defer(*Rollout.LARGE, "baseline")
