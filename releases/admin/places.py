"""Clusters and registries: where apps live, and where their images go."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from releases import actions
from releases.admin.read_only import ReadOnly
from releases.errors import DeployerError
from releases.models import Cluster, Registry


@admin.register(Cluster)
class ClusterAdmin(ReadOnly):
    """Without its kubeconfig, which nothing shows again."""

    list_display = ["name", "kind", "state", "version", "problem", "is_default", "checked_at", "by_label"]
    list_filter = ["kind"]
    search_fields = ["name"]
    exclude = ["kubeconfig"]
    actions = ["test", "remove"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cluster]:
        return super().get_queryset(request).defer("kubeconfig")

    @admin.action(description="Test the connection")
    def test(self, request: HttpRequest, queryset: QuerySet[Cluster]) -> None:
        for row in queryset:
            try:
                seen, findings = actions.test_cluster(row, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                messages.error(request, f"{row.name}: {error.message}")
                continue
            missing = [finding.words for finding in findings if finding.state == "missing"]
            if missing:
                messages.error(request, f"{row.name}: {seen.problem or 'missing: ' + ', '.join(missing)}")
            else:
                messages.success(request, f"{row.name} answers ({seen.version}), and every right is there.")

    @admin.action(description="Have Deployer forget it")
    def remove(self, request: HttpRequest, queryset: QuerySet[Cluster]) -> None:
        for row in queryset:
            try:
                actions.remove_cluster(row, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"Deployer has forgotten {row.name}.")


@admin.register(Registry)
class RegistryAdmin(ReadOnly):
    """Without its password, which nothing shows again."""

    list_display = ["name", "address", "username", "state", "problem", "is_default", "checked_at", "by_label"]
    search_fields = ["name", "address"]
    exclude = ["password"]
    actions = ["test", "remove"]

    @admin.action(description="Test the connection")
    def test(self, request: HttpRequest, queryset: QuerySet[Registry]) -> None:
        for row in queryset:
            try:
                seen, _ = actions.test_registry(row, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                messages.error(request, f"{row.name}: {error.message}")
                continue
            if seen.problem:
                messages.error(request, f"{row.name}: {seen.problem}")
            else:
                messages.success(request, f"{row.name} answers.")

    @admin.action(description="Have Deployer forget it")
    def remove(self, request: HttpRequest, queryset: QuerySet[Registry]) -> None:
        for row in queryset:
            try:
                actions.remove_registry(row, by=request.actor)  # type: ignore[attr-defined]
            except DeployerError as error:
                messages.error(request, error.message)
            else:
                messages.success(request, f"Deployer has forgotten {row.name}.")
