"""How values are shown: times, durations, people, states."""

import json
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from releases.logs import plain as words
from releases.logs import search
from releases.models.lifecycle import Authored
from releases.pages import whose
from releases.pages.status import Status
from releases.policy import Actor

register = template.Library()

BY_ITSELF = ("push", "pull request")


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """A relative time with the exact one on hover; the browser keeps it counting."""
    if moment is None:
        return ""
    iso = moment.isoformat(timespec="seconds")
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>', iso, exact, _ago(timezone.now() - moment, moment)
    )


def _ago(passed: timedelta, moment: datetime) -> str:
    """In the same words as `static/live.js`."""
    seconds = passed.total_seconds()
    if seconds < 45:
        return "just now"
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min ago"
    if seconds < 86400:
        return f"{round(seconds / 3600)} h ago"
    if seconds < 2 * 86400:
        return "yesterday"
    if seconds < 30 * 86400:
        return f"{int(seconds // 86400)} days ago"
    return f"{moment.day} {moment:%b %Y}"


@register.filter
def duration(seconds: float | None) -> str:
    """What is over took so long: `1:08`, `1:02:30`, and `0:01` for less than a second; "" for None."""
    if seconds is None:
        return ""
    return _counted(max(1, round(seconds)))


def _counted(whole: int) -> str:
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.simple_tag
def elapsed(row: Any, seconds: float | None) -> SafeString:
    """How long it has been running; the browser keeps it counting until it is over. None: since it was made."""
    if row.finished_at:
        return format_html('<time data-elapsed="">{}</time>', duration(seconds))
    return counting(row.created_at)


@register.simple_tag
def counting(since: datetime) -> SafeString:
    """How long it has been since; the browser keeps it counting."""
    seconds = (timezone.now() - since).total_seconds()
    return format_html('<time data-elapsed="{}">{}</time>', since.isoformat(), _counted(max(0, int(seconds))))


@register.filter
def made_by(row: Authored, actor: Actor) -> str:
    """Who made it: `you` to oneself."""
    return whose.name_of(row, row.by_label, to=actor)


@register.simple_tag
def who(row: Authored, name: str, actor: Actor) -> str:
    """The same, where the history's `name` for them is read off the label: without the way they came."""
    return whose.name_of(row, name, to=actor)


@register.filter
def by(row: Authored, actor: Actor) -> str:
    """The same as a part of a sentence: `by you`; what came by itself says so already: `push by ada`."""
    by_itself = row.by_id is None and row.by_label.startswith(BY_ITSELF)
    return row.by_label if by_itself else f"by {made_by(row, actor)}"


@register.filter
def coded(words: str) -> SafeString | str:
    """What stands between backticks, commands mostly, as code: reasons are written for terminals as well."""
    parts = str(words).split("`")
    if len(parts) % 2 == 0:  # one that is not closed
        return words
    pieces = (format_html("<code>{}</code>", part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return mark_safe("".join(pieces))  # noqa: S308 (each piece is escaped)


@register.inclusion_tag("live/_pill.html")
def pill(status: Status) -> dict[str, Status]:
    return {"status": status}


@register.filter
def plain(message: str) -> str:
    """A log message without terminal codes; of what a carriage return overwrites, the last state."""
    return words.plain(message)


@register.filter
def has_codes(message: str) -> bool:
    return words.has_codes(message)


@register.filter
def as_json(message: str) -> str:
    """For an attribute: HTML itself would turn carriage returns into line feeds."""
    return json.dumps(message)


@register.filter
def is_error(message: str) -> bool:
    return search.is_error(message)


@register.filter
def clock(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S")


@register.filter
def digest(image: str) -> str:
    """As much of an image's digest as tells it from others; of one that has none its whole name."""
    name, _, whole = image.rpartition("@")
    kind, _, figures = whole.partition(":")
    return f"{kind}:{figures[:12]}" if name and figures else image


@register.filter
def less(value: int, amount: int) -> int:
    return max(0, value - amount)


@register.filter
def item(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key)


@register.filter
def without(rows: list[Any], others: list[Any]) -> list[Any]:
    return [row for row in rows if row not in others]
