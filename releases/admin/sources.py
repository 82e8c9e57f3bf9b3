"""Repositories, and what GitHub delivered."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from releases import actions
from releases.admin.bounds import NewestValues
from releases.admin.read_only import ReadOnly
from releases.models import Delivery, Source


@admin.register(Source)
class SourceAdmin(ReadOnly):
    """Without its secrets, which nothing shows again."""

    list_display = ["app", "url", "branch", "on_push", "stopped_at", "problem", "report_problem", "by_label"]
    list_filter = ["on_push", "wait_for_checks"]
    search_fields = ["app__name", "url"]
    search_help_text = "The beginning of an app's name, or of an address."
    list_select_related = ["app"]

    def page_of(self, row: Source) -> str:
        return reverse("source", args=[row.app.name])


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """Without its body: a repository's commits are for those who may see the repository."""

    list_display = ["received_at", "app", "event", "status", "decision", "build", "sender", "times"]
    list_filter = ["status", ("event", NewestValues), "received_at"]
    search_fields = ["app__name", "=guid"]
    search_help_text = "The beginning of an app's name, or a whole GUID."
    list_select_related = ["app", "build"]
    ordering = ["-pk"]
    actions = ["replay"]

    def page_of(self, row: Delivery) -> str:
        return reverse("deliveries", args=[row.app.name])

    @admin.action(description="Have it handled again")
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        def replayed(row: Delivery) -> str:
            actions.replay_delivery(row, by=request.actor)  # type: ignore[attr-defined]
            return f"{row} is handled again."

        self.each(request, queryset, replayed, name="guid")
