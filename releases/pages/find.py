"""What the palette and the page Find offer for some words: apps, releases, builds, rollouts, people, pages, actions.

All of it is found by columns that have an index, or among few rows: descriptions only among an app's newest releases.
A query costs the same few database queries whatever there is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.urls import reverse

from releases import policy
from releases.models import App, Build, Person, Release, Rollout, Source
from releases.pages import places, status
from releases.policy import Actor

WORDS_MAX, WORD_MAX = 6, 60
EACH = 6  # of each kind
APPS_READ = 200
DESCRIPTIONS_READ = 300
APPS_WITH_ACTIONS = 3
FILLERS = {"of", "the", "in", "to", "for", "a", "an", "on"}
_COMMIT = re.compile(r"[0-9a-f]{4,40}")
_ID = re.compile(r"[RB][A-Z]{2,10}")


@dataclass(frozen=True)
class Hit:
    """`what` is found, `words` say more about it; `shown` is its status, where it has one."""

    what: str
    words: str
    address: str
    shown: status.Status | None = None


@dataclass(frozen=True)
class Group:
    title: str
    hits: list[Hit]


def found(asked: str, *, by: Actor, here: str = "") -> list[Group]:
    """Groups with at least one hit. `here`: the name of the app whose page one is on; its actions need no name.

    Raises NotAllowed when `by` may not view anything.
    """
    policy.require("view", by=by)
    words = _words(asked)
    apps = _apps(words, here, by)
    present = next((app for app in apps if app.name == here), None)
    named = [app for app in apps if any(word in app.name for word in words)]
    named.sort(key=lambda app: (not any(app.name == word for word in words), not app.name.startswith(tuple(words))))
    of_whom = named or ([present] if present else [])
    of_names = [_app(app) for app in named if all(word in app.name for word in words)]
    actions = Group("Actions", _actions(words, named, present, by))
    apps_first = [Group("Apps", of_names[:EACH]), actions] if of_names else [actions]
    groups = [
        *apps_first,
        Group("Rollouts", _rollouts(words, of_whom)),
        Group("Releases", _releases(words, of_whom[:1], by)),
        Group("Builds", _builds(words, by)),
        Group("People", _people(words, by)),
        Group("Pages", _pages(words, by)),
    ]
    return [group for group in groups if group.hits]


def _words(asked: str) -> list[str]:
    """In small letters, each once. NUL can't even be asked of PostgreSQL."""
    words = [word.strip("#,:“”\"'")[:WORD_MAX] for word in asked.replace("\x00", " ").lower().split()]
    return list(dict.fromkeys(word for word in words if word and word not in FILLERS))[:WORDS_MAX]


def _apps(words: list[str], here: str, by: Actor) -> list[App]:
    """Those whose name has one of the words in it, and the one where one is."""
    wanted = Q(name=here)
    for word in words:
        wanted |= Q(name__contains=word)
    apps = policy.reached(App.objects.filter(wanted), by=by)
    return list(apps.only("id", "name", "active_release_id", "locked_at", "locked_until")[:APPS_READ])


def _app(app: App) -> Hit:
    return Hit(app.name, "app", app.get_absolute_url(), status.APP["Running" if app.active_release_id else "Stopped"])


def _actions(words: list[str], named: list[App], present: App | None, by: Actor) -> list[Hit]:
    """What can be done with the app where one is, and with those that are named: each on the page where it is done."""
    chosen: list[tuple[App, list[str]]] = [(app, [word for word in words if word not in app.name]) for app in named]
    chosen = chosen[:APPS_WITH_ACTIONS]
    if present is not None and present not in named:
        chosen.append((present, words))
    branches = _branches([app for app, _ in chosen])
    hits = []
    for app, rest in chosen:
        for action in places.ACTIONS:
            branch = branches.get(app.pk, "")
            if not action.is_meant(rest, branch=branch) or (action.needs_source and not branch):
                continue
            if policy.lacking(action.right, by=by, app_id=app.pk):
                continue
            what = action.what.format(app=app.name, branch=branch)
            hits.append(Hit(what, action.words, action.address(app.name)))
    return hits[: 2 * EACH]


def _branches(apps: list[App]) -> dict[int, str]:
    """App → the branch that it is built from, where a repository is connected."""
    return dict(Source.objects.filter(app__in=apps).values_list("app", "branch")) if apps else {}


def _rollouts(words: list[str], apps: list[App]) -> list[Hit]:
    """`shop 12`, or `12` on a page of the app."""
    numbers = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 10]
    if not numbers or not apps:
        return []
    names = {app.pk: app for app in apps}
    rows = Rollout.objects.filter(app__in=apps, number__in=numbers).only(
        "id", "app_id", "number", "status", "release_id"
    )
    hits = []
    for rollout in rows.order_by("app__name", "-number")[:EACH]:
        rollout.app = names[rollout.app_id]
        what = f"{rollout.app.name} {rollout.number}"
        hits.append(Hit(what, rollout.release_id, rollout.get_absolute_url(), status.ROLLOUT[rollout.status]))
    return hits


def _releases(words: list[str], apps: list[App], by: Actor) -> list[Hit]:
    columns = ("id", "description", "outcome", "app__name")
    releases = Release.objects.select_related("app").only(*columns)
    found_rows = [
        *_beginning(releases, "id", "R", words),
        *_beginning(releases, "build_id", "B", words),
        *_of_commit(releases, "build__", words, by),
        *_described(releases, words, apps),
    ]
    distinct = {release.pk: release for release in found_rows if policy.reaches(release.app_id, by=by)}
    return [_release(release) for release in distinct.values()][:EACH]


def _release(release: Release) -> Hit:
    shown = status.ROLLOUT.get(release.outcome)
    return Hit(release.pk, f"{release.app.name} · {release.description}", release.get_absolute_url(), shown)


def _described(releases: QuerySet[Release], words: list[str], apps: list[App]) -> Iterable[Release]:
    """Of the app that is meant: those whose description has all the other words in it."""
    if not apps:
        return []
    rest = [word for word in words if word not in apps[0].name]
    if not any(len(word) > 2 for word in rest):
        return []
    newest = releases.filter(app=apps[0]).order_by("-created_at", "-id")[:DESCRIPTIONS_READ]
    return [release for release in newest if all(word in release.description.lower() for word in rest)]


def _builds(words: list[str], by: Actor) -> list[Hit]:
    columns = ("id", "status", "commit", "subject", "description", "dirty", "app__name")
    builds = Build.objects.select_related("app").only(*columns)
    found_rows = [*_beginning(builds, "id", "B", words), *_of_commit(builds, "", words, by)]
    distinct = {build.pk: build for build in found_rows if policy.reaches(build.app_id, by=by)}
    return [
        Hit(build.pk, f"{build.app.name} · {build.title}", build.get_absolute_url(), status.BUILD[build.status])
        for build in distinct.values()
    ][:EACH]


def _beginning(rows: QuerySet, column: str, letter: str, words: list[str]) -> Iterable:
    """Those whose identifier begins with one of the words.

    As a range in its own order, which is all that its index can answer: for LIKE neither database takes one, and for
    the newest first SQLite would read all there are.
    """
    beginnings = [word for word in map(str.upper, words) if _ID.fullmatch(word) and word.startswith(letter)]
    if not beginnings:
        return []
    within = {f"{column}__gte": beginnings[0], f"{column}__lte": beginnings[0].ljust(11, "Z")}
    return rows.filter(**within).order_by(column)[:EACH]


def _of_commit(rows: QuerySet, build: str, words: list[str], by: Actor) -> Iterable:
    """App by app, as the index of commits is. `build`: how their build is reached from the rows."""
    commits = [word for word in words if _COMMIT.fullmatch(word)]
    if not commits:
        return []
    apps = policy.reached(App.objects.all(), by=by)
    within = {f"{build}commit__gte": commits[0], f"{build}commit__lte": commits[0].ljust(40, "f")}
    return rows.filter(**{f"{build}app__in": apps}, **within).order_by(f"{build}commit")[:EACH]


def _people(words: list[str], by: Actor) -> list[Hit]:
    """For administrators; nobody else has a page of them."""
    if not words or policy.lacking("manage_people", by=by):
        return []
    people = Person.objects.filter(username__icontains=" ".join(words)).only("username", "role").order_by("username")
    return [Hit(person.username, person.role, reverse("person", args=[person.pk])) for person in people[:EACH]]


def _pages(words: list[str], by: Actor) -> list[Hit]:
    meant = [page for page in places.PAGES if page.is_meant(words) and not policy.lacking(page.right, by=by)]
    return [Hit(page.what, page.words, page.address()) for page in (meant[:EACH] if words else meant)]
