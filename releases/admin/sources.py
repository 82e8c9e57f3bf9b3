"""Repositories, and what GitHub delivered."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from releases import actions
from releases.admin.read_only import ReadOnly
from releases.errors import DeployerError
from releases.models import Delivery, Source


@admin.register(Source)
class SourceAdmin(ReadOnly):
    """Without its secrets, which nothing shows again."""

    SECRETS = ("webhook_secret", "token", "deploy_key")

    list_display = ["app", "url", "branch", "on_push", "stopped_at", "problem", "report_problem", "by_label"]
    list_filter = ["on_push", "wait_for_checks"]
    search_fields = ["app__name", "url"]
    list_select_related = ["app"]
    exclude = [*SECRETS]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        return super().get_queryset(request).defer(*self.SECRETS, "app__staged")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    """Without its body: a repository's commits are for those who may see the repository."""

    list_display = ["received_at", "app", "event", "status", "decision", "build", "sender", "times"]
    list_filter = ["status", "event", "received_at"]
    search_fields = ["=guid", "app__name", "=commit"]
    list_select_related = ["app", "build"]
    exclude = ["body"]
    actions = ["replay"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).defer("app__staged", "build__manifest", "build__images")

    @admin.action(description="Have it handled again")
    def replay(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        for row in queryset:
            try:
                actions.replay_delivery(row, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                messages.error(request, f"{row}: {error.message}")
            else:
                messages.success(request, f"{row} is handled again.")
