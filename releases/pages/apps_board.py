"""The list of all apps: found by words, filtered by what needs attention, sorted by name or last change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import time
from typing import Any
from urllib.parse import urlencode

from django.template.loader import render_to_string

from releases import policy
from releases.models import Cluster
from releases.pages.apps_rows import Row, rows
from releases.pages.section import Section
from releases.policy import Actor

SECTIONS = ("apps-bar", "apps-list")
WORDS_MAX = 100

Test = Callable[[Row], bool]
# What needs somebody's attention, in the order in which the page names it.
ATTENTION: dict[str, tuple[str, str, Test]] = {
    "failed": ("✕", "failed", lambda row: row.failed),
    "updating": ("◐", "updating", lambda row: row.updating),
    "waiting": ("◌", "waiting", lambda row: bool(row.waiting)),
    "locked": ("⊘", "locked", lambda row: bool(row.lock)),
    "stopped": ("‖", "stopped promoting", lambda row: bool(row.stopped)),
    "short": ("▽", "not all ready", lambda row: row.short),
}
SORTS = {"": "name", "changed": "last change"}


@dataclass(frozen=True)
class Wish:
    """What somebody asked for; whatever it can't be is as if it had not been asked."""

    words: str = ""
    show: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        words = "".join(character for character in query.get("q", "") if character.isprintable())
        show, sort = query.get("show", ""), query.get("sort", "")
        return cls(words.strip()[:WORDS_MAX], show if show in ATTENTION else "", sort if sort in SORTS and sort else "")

    def query(self, **changes: str) -> str:
        """As an address has it: `?q=shop`; "" when nothing is asked for."""
        given = {"q": self.words, "show": self.show, "sort": self.sort} | changes
        asked = urlencode({name: value for name, value in given.items() if value})
        return f"?{asked}" if asked else ""

    def finds(self, row: Row) -> bool:
        """All its words, each anywhere in the name or the repository."""
        text = f"{row.name} {row.repository}".lower()
        return all(word in text for word in self.words.lower().split())


@dataclass(frozen=True)
class Filter:
    icon: str
    word: str
    count: int
    query: str
    here: bool


def context(by: Actor, query: Mapping[str, str]) -> dict[str, Any]:
    """Constant in queries, however many apps there are."""
    wish = Wish.of(query)
    known = [row for row in rows() if policy.reaches(row.pk, by=by)]
    found = [row for row in known if wish.finds(row)]
    shown = [row for row in found if not wish.show or ATTENTION[wish.show][2](row)]
    if wish.sort:
        shown.sort(key=lambda row: row.changed_at, reverse=True)
    clusters = list(Cluster.objects.defer("kubeconfig"))
    return {
        "wish": wish,
        "filters": _filters(found, wish),
        "sorts": [(word, wish.query(sort=name), name == wish.sort) for name, word in SORTS.items()],
        "all_query": wish.query(q="", show=""),
        "rows": drawn(shown, len(clusters) > 1),
        "app_count": len(known),
        "troubled": [cluster for cluster in clusters if cluster.problem],
        "no_cluster": not clusters,
        "address": f"apps{wish.query()}",
    }


def drawn(shown: Sequence[Row], several_clusters: bool) -> list[Section]:
    """Each row as a part of its own: when one app changes, its row alone is sent."""
    now = time()
    return [_drawn(row, several_clusters, _period(row, now)) for row in shown]


def _period(row: Row, now: float) -> int:
    """Its number: in another one the row's times are told anew. Not those of all rows in the same moment."""
    seconds = 60 if now - row.changed_at.timestamp() < 3600 else 600
    return int(now + row.pk * 7) // seconds


@lru_cache(maxsize=4096)
def _drawn(row: Row, several_clusters: bool, period: int) -> Section:
    """A row that says the same looks the same, within a period."""
    html = render_to_string("live/_app.html", {"row": row, "several_clusters": several_clusters})
    return Section(f"row-{row.name}", html.strip())


def _filters(found: Sequence[Row], wish: Wish) -> list[Filter]:
    """Those that would show something, and the one that is on."""
    filters = [Filter("", "all", len(found), wish.query(show=""), not wish.show)]
    for name, (icon, word, test) in ATTENTION.items():
        count = sum(map(test, found))
        if count or name == wish.show:
            filters.append(Filter(icon, word, count, wish.query(show=name), name == wish.show))
    return filters
