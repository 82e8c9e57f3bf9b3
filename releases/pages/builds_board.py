"""The builds of one app: newest first, found by status, commit and words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet

from releases import actions, policy
from releases.models import App, Build, Release, Source
from releases.pages.build_board import first_releases
from releases.pages.durations import seconds_taken
from releases.pages.history.keyset import Place, window
from releases.pages.origin import shown_ref
from releases.pages.status import BUILD, ROLLOUT, Status
from releases.policy import Actor

SECTIONS = ("builds-list",)
SHOWN, WORDS_MAX = 25, 100
STATES = {
    "": "All",
    "running": "Building or waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "superseded": "Superseded",
}
_HEXADECIMAL = re.compile(r"[0-9a-f]{4,40}\Z")
_ID = re.compile(r"B[A-Z]{10}\Z")


@dataclass(frozen=True)
class Wish:
    """What is asked for; whatever it can't be is as if it had not been asked."""

    words: str = ""
    state: str = ""
    before: Place | None = None
    after: Place | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        words = "".join(character for character in query.get("q", "") if character.isprintable())
        state = query.get("status", "")
        before, after = (Place.read(query.get(name, ""), key="B[A-Z]{10}") for name in ("before", "after"))
        return cls(words.strip()[:WORDS_MAX], state if state in STATES else "", before, after)

    def query(self, **places: Place | None) -> str:
        """As an address has it; "" when nothing is asked for."""
        given = {"q": self.words, "status": self.state, **places}
        return urlencode({name: str(value) for name, value in given.items() if value})

    @property
    def is_all(self) -> bool:
        return not (self.words or self.state or self.before or self.after)


@dataclass(frozen=True)
class Row:
    """`release`: what it made. `outcome`: of that release's last rollout."""

    build: Build
    status: Status
    seconds: float | None
    ref: str
    release: Release | None
    outcome: Status | None


def context(app: App, query: Mapping[str, str], *, by: Actor) -> dict[str, Any]:
    """The number of queries is the same however many builds there are."""
    wish = Wish.of(query)
    found = window(_wanted(app, wish), "created_at", size=SHOWN, before=wish.before, after=wish.after)
    releases = first_releases([build for build in found.rows if build.status == "succeeded"])
    source = Source.objects.filter(app=app).defer("webhook_secret", "token", "deploy_key").first()
    asked = wish.query(before=wish.before, after=wish.after)
    return {
        "address": f"builds.{app.name}?{asked}" if asked else f"builds.{app.name}",
        "tab": f"Builds · {app.name}",
        "wish": wish,
        "states": STATES,
        "rows": [_row(app, build, releases.get(build.pk)) for build in found.rows],
        "places": _places(found.rows, by),
        "older": wish.query(before=found.older) if found.older else "",
        "newer": wish.query(after=found.newer) if found.newer else "",
        "source": source,
        "build_refusals": policy.refusals("create_build", by=by, app=app),
        "cancel_refusals": policy.refusals("cancel_build", by=by, app=app),
        "moving": any(not build.is_finished for build in found.rows),
    }


def _wanted(app: App, wish: Wish) -> QuerySet[Build]:
    builds = app.builds.only(
        *(
            "id",
            "app_id",
            "status",
            "commit",
            "subject",
            "description",
            "dirty",
            "origin",
            "ref",
            "promote",
            "refusals",
        ),
        *("created_at", "started_at", "finished_at", "by_id", "by_label", "reason", "cancel_requested_at", "taken"),
        *("checks", "last_line"),
    )
    if wish.state == "running":
        builds = builds.filter(status__in=Build.unfinished_statuses(), finished_at=None)
    elif wish.state:
        builds = builds.filter(status=wish.state)
    if wish.words:
        builds = builds.filter(_named(wish.words))
    return builds


def _named(words: str) -> Q:
    """A commit by its first digits, a build by its ID, else what its commit or its person said."""
    if _ID.match(words.upper()):
        return Q(pk=words.upper())
    said = Q(subject__icontains=words) | Q(description__icontains=words)
    digits = words.lower()
    if _HEXADECIMAL.match(digits):
        commit = Q(commit__gte=digits, commit__lt=digits + "g")
        return commit if any(map(str.isdigit, digits)) else commit | said
    return said


def _row(app: App, build: Build, release: Release | None) -> Row:
    build.app = app
    if release:
        release.app = app
    outcome = ROLLOUT[release.outcome] if release and release.outcome else None
    shown = BUILD[build.status]
    return Row(build, shown, seconds_taken(build), shown_ref(build.ref), release, outcome)


def _places(builds: list[Build], by: Actor) -> dict[str, str]:
    """Of those that wait, which are few, what the first waits for."""
    waiting = [build for build in builds if build.status == "queued"]
    return {waiting[-1].pk: actions.queue_place(waiting[-1], by=by)} if waiting else {}
