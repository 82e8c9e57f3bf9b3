"""Apps, their domains, and who are members of them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse

from releases.admin.deeds import Deeds, newest_release, release_before
from releases.admin.diagnoses import Diagnosed, of_apps
from releases.admin.read_only import ReadOnly
from releases.models import App, Domain, Membership, Release, Rollout
from releases.policy import Actor


@admin.register(App)
class AppAdmin(Deeds):
    list_display = ["name", "cluster", "active_release", "rollouts_made", "is_locked", "by_label", "created_at"]
    list_filter = ["cluster", "created_at"]
    search_fields = ["name"]
    search_help_text = "The beginning of a name."
    list_select_related = ["active_release", "cluster"]

    @admin.display(boolean=True, description="locked")
    def is_locked(self, app: App) -> bool:
        return app.lock is not None

    def to_promote(self, row: App) -> Release:
        return newest_release(row)

    def to_go_back_to(self, row: App) -> Release:
        return release_before(row)

    def diagnosed(self, rows: Sequence[tuple[Any, Rollout | None]], *, by: Actor) -> list[Diagnosed]:
        """As they are now."""
        return of_apps(rows, by=by)

    def rollouts_of(self, row: App) -> QuerySet[Rollout]:
        return row.rollouts.defer(*Rollout.LARGE, "baseline")


@admin.register(Domain)
class DomainAdmin(ReadOnly):
    list_display = ["host", "app", "service", "cluster", "by_label", "created_at"]
    list_filter = ["cluster", "created_at"]
    search_fields = ["host", "app__name"]
    search_help_text = "The beginning of a host, or of an app's name."
    list_select_related = ["app", "cluster"]

    def page_of(self, row: Domain) -> str:
        return reverse("app-domains", args=[row.app.name])


@admin.register(Membership)
class MembershipAdmin(ReadOnly):
    list_display = ["person", "app", "role"]
    list_filter = ["role"]
    search_fields = ["person__username", "app__name"]
    search_help_text = "The beginning of a person's or an app's name."
    list_select_related = ["person", "app"]
