"""For who may see the admin: the way there, and what its own lists need to be fast."""

import calendar as months
from datetime import date
from typing import Any

from django import template
from django.db.models import Model
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from releases.models import Person

register = template.Library()
STAFF = (Person.DEPLOYER, Person.ADMINISTRATOR)


@register.simple_tag(takes_context=True)
def in_admin(context: Context, row: Model, words: str = "In the admin") -> SafeString | str:
    """A link to `row` in the admin; "" for who may not see that. Works in live parts, too: by `actor`."""
    actor, user = context.get("actor"), context.get("user")
    role = actor.role if actor is not None else getattr(user, "role", None)
    if role not in STAFF:
        return ""
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a class="quiet-link muted" href="{}">{}</a>', address, words)


@register.simple_tag
def counted(cl: Any) -> str:
    """How many rows a list of the admin has, or that they were not all counted."""
    count, most = cl.result_count, getattr(cl.paginator, "count_max", None)
    if most is not None and count >= most:
        return f"more than {most - 1:,} {cl.opts.verbose_name_plural}"
    return f"{count} {cl.opts.verbose_name if count == 1 else cl.opts.verbose_name_plural}"


@register.inclusion_tag("admin/date_hierarchy.html")
def calendar(cl: Any) -> dict[str, Any]:
    """Years, then months, then days to choose from, from the first row to the last: two look-ups by index, where
    Django's own reads every row."""
    field = cl.date_hierarchy
    chosen = [_number(cl.params.get(f"{field}__{part}")) for part in ("year", "month", "day")]
    rows = cl.root_queryset.order_by().values_list(field, flat=True)
    first, last = (rows.order_by(order)[:1] for order in (field, f"-{field}"))
    ends = [*first, *last]
    if len(ends) < 2:
        return {"show": False}
    choices, back = _choices(chosen, ends[0].date(), ends[1].date())
    parts = (f"{field}__year", f"{field}__month", f"{field}__day")

    def link(values: tuple[int, ...]) -> str:
        return cl.get_query_string(dict(zip(parts, values, strict=False)), [f"{field}__"])

    shown = [{"title": title, "link": link(values) if values else None} for title, values in choices]
    return {"show": True, "back": {"title": back[0], "link": link(back[1])} if back else None, "choices": shown}


Choices = list[tuple[str, tuple[int, ...]]]


def _choices(chosen: list[int | None], first: date, last: date) -> tuple[Choices, tuple[str, tuple[int, ...]] | None]:
    """What there is to choose next, each with its year, month and day; and the way back."""
    year, month, day = chosen
    if year is None or not first.year <= year <= last.year:
        return [(str(each), (each,)) for each in range(first.year, last.year + 1)], None
    if month is None or not 1 <= month <= 12:
        there = [each for each in range(1, 13) if first.replace(day=1) <= date(year, each, 1) <= last]
        return [(f"{months.month_name[each]} {year}", (year, each)) for each in there], ("All", ())
    name = f"{months.month_name[month]} {year}"
    if day is None:
        days = range(1, months.monthrange(year, month)[1] + 1)
        there = [each for each in days if first <= date(year, month, each) <= last]
        return [(f"{each} {months.month_name[month]}", (year, month, each)) for each in there], (str(year), (year,))
    return [(f"{day} {months.month_name[month]}", ())], (name, (year, month))


def _number(value: Any) -> int | None:
    value = value[-1] if isinstance(value, list) else value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 5 else None
