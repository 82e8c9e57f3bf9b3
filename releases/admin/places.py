"""Clusters and registries: where apps live, and where their images go."""

from django.contrib import admin
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
    search_help_text = "The beginning of a name."
    actions = ["test", "remove"]

    @admin.action(description="Test the connection")
    def test(self, request: HttpRequest, queryset: QuerySet[Cluster]) -> None:
        def tested(row: Cluster) -> str:
            seen, findings = actions.test_cluster(row, by=request.actor)  # type: ignore[attr-defined]
            missing = [finding.words for finding in findings if finding.state == "missing"]
            if missing:
                raise DeployerError(seen.problem or "missing: " + ", ".join(missing))
            return f"{row.name} answers ({seen.version}), and every right is there."

        self.each(request, queryset, tested, name="name")

    @admin.action(description="Have Deployer forget it")
    def remove(self, request: HttpRequest, queryset: QuerySet[Cluster]) -> None:
        def removed(row: Cluster) -> str:
            actions.remove_cluster(row, by=request.actor)  # type: ignore[attr-defined]
            return f"Deployer has forgotten {row.name}."

        self.each(request, queryset, removed, name="name")


@admin.register(Registry)
class RegistryAdmin(ReadOnly):
    """Without its password, which nothing shows again."""

    list_display = ["name", "address", "username", "state", "problem", "is_default", "checked_at", "by_label"]
    search_fields = ["name", "address"]
    search_help_text = "The beginning of a name, or of an address."
    actions = ["test", "remove"]

    @admin.action(description="Test the connection")
    def test(self, request: HttpRequest, queryset: QuerySet[Registry]) -> None:
        def tested(row: Registry) -> str:
            seen, _ = actions.test_registry(row, by=request.actor)  # type: ignore[attr-defined]
            if seen.problem:
                raise DeployerError(seen.problem)
            return f"{row.name} answers."

        self.each(request, queryset, tested, name="name")

    @admin.action(description="Have Deployer forget it")
    def remove(self, request: HttpRequest, queryset: QuerySet[Registry]) -> None:
        def removed(row: Registry) -> str:
            actions.remove_registry(row, by=request.actor)  # type: ignore[attr-defined]
            return f"Deployer has forgotten {row.name}."

        self.each(request, queryset, removed, name="name")
