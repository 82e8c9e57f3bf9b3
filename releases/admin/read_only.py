"""Tables that are looked at, not written to."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from releases import policy
from releases.admin import bounds, columns
from releases.errors import DeployerError


class ReadOnly(admin.ModelAdmin):
    """Who may see the admin may look, where policy lets them do `looking`. Nothing is ever saved from here.

    What is encrypted is in no list and on no page. `search_fields` are begun by the words that are looked for.
    """

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = bounds.BoundedPaginator
    list_select_related: ClassVar[list[str]] = []
    looking = "view"

    def has_module_permission(self, request: HttpRequest) -> bool:
        if not (request.user.is_active and request.user.is_staff):
            return False
        return not policy.refusals(self.looking, by=request.actor)  # type: ignore[attr-defined]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*columns.large(self.model, self.list_select_related))

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*(self.exclude or ()), *columns.secret(self.model)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return bounds.found(queryset, self.get_search_fields(request), search_term), False

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        return self.page_of(obj) if obj is not None else None

    def page_of(self, row: Any) -> str | None:
        """The address of its page, or of the page that tells of it."""
        return row.get_absolute_url() if hasattr(row, "get_absolute_url") else None

    def each(
        self, request: HttpRequest, rows: QuerySet[Any], action: Callable[[Any], Any], *, name: str = "pk"
    ) -> None:
        """Do `action` to each row, and say what came of it: what it gives, or why not. `name`: of the column that a
        refusal begins with."""
        for row in rows:
            try:
                said = action(row)
            except DeployerError as error:
                messages.error(request, f"{getattr(row, name)}: {' '.join(error.reasons) or error.message}")
            else:
                messages.success(request, said)
