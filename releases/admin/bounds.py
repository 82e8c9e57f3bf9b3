"""What keeps a list fast, however long it is: counted no further than anybody turns pages, filtered by what is there
now, searched by what an index knows."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNT_MAX = 5000
LOOKED_AT = 1000  # rows whose values a filter offers
WORDS_MAX = 4
LAST = "\U0010ffff"


class BoundedPaginator(Paginator):
    """Says `count_max` for all that is longer."""

    count_max = COUNT_MAX

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by()[: self.count_max].count()


class NewestValues(admin.FieldListFilter):
    """The values that a column has in the newest rows, to choose from."""

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: type[Model],
        model_admin: admin.ModelAdmin,
        field_path: str,
    ) -> None:
        self.lookup_kwarg = field_path
        super().__init__(field, request, params, model, model_admin, field_path)
        given = self.used_parameters.get(self.lookup_kwarg)
        self.chosen = given[-1] if isinstance(given, list) else given
        order = [*(model_admin.get_ordering(request) or model._meta.ordering or ())]
        newest = model._default_manager.order_by(*order).values_list(field_path, flat=True)[:LOOKED_AT]
        self.values = sorted({value for value in newest if value not in (None, "")})

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg]

    def has_output(self) -> bool:
        return bool(self.values) or self.chosen is not None

    def choices(self, changelist: Any) -> Iterator[Any]:
        remove = [self.lookup_kwarg]
        yield {
            "selected": self.chosen is None,
            "query_string": changelist.get_query_string(remove=remove),
            "display": "All",
        }
        for value in self.values:
            yield {
                "selected": self.chosen == str(value),
                "query_string": changelist.get_query_string({self.lookup_kwarg: value}),
                "display": str(value),
            }


def found(rows: QuerySet[Any], paths: Iterable[str], term: str) -> QuerySet[Any]:
    """Of `rows` those in which each word of `term` begins one of the columns at `paths`; a path with = in front is to
    be the word.

    As keys of a union: each column is asked by its own index, which no database does for an OR over several tables.
    """
    for word in term.split()[:WORDS_MAX]:
        matches = [rows.model._default_manager.filter(_like(path, word)).order_by().values("pk") for path in paths]
        rows = rows.filter(pk__in=matches[0].union(*matches[1:]) if matches[1:] else matches[0])
    return rows


def _like(path: str, word: str) -> Q:
    """IDs are large, names small letters: whoever types them in another way means the same."""
    spellings = {word, word.upper(), word.lower()}
    if path.startswith("="):
        return Q(**{f"{path[1:]}__in": spellings})
    condition = Q()
    for spelling in spellings:
        condition |= _begins(path, spelling)
    return condition


def _begins(path: str, word: str) -> Q:
    """PostgreSQL has an index for LIKE beside each unique one; SQLite compares text as bytes, and asks its own."""
    if connection.vendor == "postgresql":
        return Q(**{f"{path}__startswith": word})
    return Q(**{f"{path}__gte": word, f"{path}__lt": word + LAST})
