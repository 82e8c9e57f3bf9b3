"""The histories of releases and of rollouts, of one app or of all: what became active, by whom, why, how it went."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from releases import policy
from releases.forms.filters import ACTIVE, NEVER, RELEASES, ROLLOUTS, RUNNING, ReleasesFilter, WantedReleases
from releases.models import App, Release, Rollout
from releases.models.lifecycle import ROLLOUT_UNFINISHED
from releases.pages import status
from releases.pages.choices import Choice, Judge
from releases.pages.durations import seconds_taken
from releases.pages.history import history_summary
from releases.pages.history.history_search import look_for
from releases.pages.history.keyset import Place, window
from releases.pages.history.looked_for import in_period, names_of_apps, names_of_people, of_person
from releases.pages.history.whence import Whence, whence
from releases.pages.history.word_search import Found
from releases.policy import Actor

SHOWN = 25
ACTIVE_NOW = status.Status("●", "Active", "ok")
NEVER_PROMOTED = status.Status("○", "Never promoted", "quiet")
COLUMN = "created_at"
# What a page is not to load for each row: it is large, or encrypted, or both.
HEAVY = ("build__manifest", "build__images", "images", "app__staged")


@dataclass(frozen=True)
class Row:
    """A release with its last rollout, or a rollout with its release.

    `whence`: who promoted; where nobody has, who made the release. `choice`: what can be done with the release, on the
    page of its app; `own_refusals`: the reasons why not that are of this release alone.
    """

    app: App
    release: Release
    rollout: Rollout | None
    outcome: status.Status
    seconds: float | None
    whence: Whence
    choice: Choice | None = None
    own_refusals: list[policy.Reason] = field(default_factory=list)

    @property
    def author(self) -> Rollout | Release:
        return self.rollout or self.release

    @property
    def went_wrong(self) -> str:
        """In a sentence; "" if nothing did."""
        return self.rollout.reason if self.rollout and self.rollout.status != "succeeded" else ""


def asked(app: App | None, query: Mapping[str, str], *, by: Actor) -> dict[str, Any]:
    """What the page says to `query`, as its address has it. `is_live`: whether it is drawn anew as things happen: the
    newest ones are, but not what words are looked for in, nor what was paged to."""
    listed = listed_in(query, app)
    form = filter_for(listed, app, query, by=by)
    key = "[0-9]+" if listed == ROLLOUTS else "[BR][A-Z]{10}"
    before, after = (Place.read(query.get(name, ""), key=key) for name in ("before", "after"))
    said: dict[str, Any] = {"app": app, "listed": listed, "filter": form, "query": form.query}
    if not form.is_valid():
        return said | {"is_live": False, "tab": _title(listed, app)}
    wanted = form.wanted()
    is_live = not (wanted.q or before or after)
    topic = f"history.{app.name}" if app else "history"
    return {
        **said,
        **context(listed, app, wanted, by=by, before=before, after=after),
        "is_all": wanted.is_all,
        "is_newest": not (before or after),
        "is_live": is_live,
        "address": f"{topic}?{form.query}&list={listed}",
    }


def listed_in(query: Mapping[str, str], app: App | None) -> str:
    """Releases or rollouts: of an app one looks for a release, of all for what was done."""
    asked = query.get("list", "")
    return asked if asked in (RELEASES, ROLLOUTS) else (ROLLOUTS if app is None else RELEASES)


def filter_for(listed: str, app: App | None, query: Mapping[str, str], *, by: Actor) -> ReleasesFilter:
    names = names_of_apps(by=by) if app is None else None
    return ReleasesFilter(query, listed=listed, names=names, people=names_of_people(by=by))


def context(
    listed: str,
    app: App | None,
    wanted: WantedReleases,
    *,
    by: Actor,
    before: Place | None = None,
    after: Place | None = None,
) -> dict[str, Any]:
    """`listed`: releases or rollouts. The number of queries is the same however many there are."""
    judge = Judge(app, by) if app is not None and listed == RELEASES else None
    found = find(listed, app, wanted, by=by, before=before, after=after, whole=judge is not None)
    rows = rows_of(listed, found.window.rows, judge)
    return {
        "rows": rows,
        "window": found.window,
        "back_to": found.back_to,
        "shared_refusals": _shared(judge, rows),
        "summary": history_summary.of(rollouts(app, _counted(listed, wanted), by=by), wanted),
        "tab": _title(listed, app),
    }


def _title(listed: str, app: App | None) -> str:
    return f"{listed.capitalize()} · {app.name if app else 'Deployer'}"


def find(
    listed: str,
    app: App | None,
    wanted: WantedReleases,
    *,
    by: Actor,
    before: Place | None = None,
    after: Place | None = None,
    size: int = SHOWN,
    whole: bool = False,
) -> Found[Any]:
    """A page of them, with what a row shows. `whole`: releases with what a button asks: variables that are missing."""
    asked = rollouts(app, wanted, by=by) if listed == ROLLOUTS else releases(app, wanted, by=by)
    full = _full_rollouts(asked) if listed == ROLLOUTS else _full_releases(asked, whole)
    if wanted.q:
        return look_for(wanted.q, asked, full, listed, before=before, size=size)
    return Found(window(full, COLUMN, size=size, before=before, after=after))


def _full_rollouts(asked: QuerySet[Any]) -> QuerySet[Any]:
    return asked.select_related("app", "release__build").only(*ROLLOUT_COLUMNS)


def _full_releases(asked: QuerySet[Any], whole: bool) -> QuerySet[Any]:
    return asked.select_related("app", "build").defer(*HEAVY, *(() if whole else ("env", "manifest")))


ROLLOUT_COLUMNS = (
    "number",
    "status",
    "kind",
    "strategy",
    "automatic",
    "note",
    "reason",
    "cause",
    "hint",
    "created_at",
    "finished_at",
    "by_id",
    "by_label",
    "previous_id",
    "abort_by",
    "app__name",
    "release__app_id",
    "release__description",
    "release__created_at",
    "release__by_id",
    "release__by_label",
    "release__rolled_back_to_id",
    "release__build__commit",
)


def rollouts(app: App | None, wanted: WantedReleases, *, by: Actor) -> QuerySet[Rollout]:
    """Those that are asked for, but for the words; in no order."""
    found = Rollout.objects.order_by().filter(_apps(app, wanted, by), in_period(wanted, COLUMN))
    if wanted.person:
        found = found.filter(of_person(wanted.person))
    if wanted.strategy:
        found = found.filter(strategy=wanted.strategy)
    if wanted.outcome == RUNNING:
        return found.filter(status__in=ROLLOUT_UNFINISHED, finished_at=None)
    return found.filter(status=wanted.outcome) if wanted.outcome else found


def releases(app: App | None, wanted: WantedReleases, *, by: Actor) -> QuerySet[Release]:
    found = Release.objects.order_by().filter(_apps(app, wanted, by), in_period(wanted, COLUMN))
    if wanted.person:
        found = found.filter(of_person(wanted.person))
    if wanted.outcome == RUNNING:
        return found.filter(outcome__in=ROLLOUT_UNFINISHED)
    if wanted.outcome == ACTIVE:
        return found.filter(pk__in=App.objects.exclude(active_release=None).values("active_release"))
    if wanted.outcome == NEVER:
        return found.filter(outcome="")
    return found.filter(outcome=wanted.outcome) if wanted.outcome else found


def rows_of(listed: str, found: Iterable[Any], judge: Judge | None = None) -> list[Row]:
    """`judge`: gives each release its button."""
    if listed == ROLLOUTS:
        return [_row(rollout.release, rollout, status.ROLLOUT[rollout.status], rollout.app) for rollout in found]
    releases = list(found)
    of = _rollouts_of(releases)
    return [_row_of(release, of.get(release.pk, []), judge) for release in releases]


def _row_of(release: Release, made: list[Rollout], judge: Judge | None) -> Row:
    app = judge.app if judge else release.app
    release.app = app
    for rollout in made:
        rollout.app = app
    last = made[0] if made else None
    outcome = status.ROLLOUT[last.status] if last else NEVER_PROMOTED
    if release.pk == app.active_release_id:
        outcome = ACTIVE_NOW
    return _row(release, last, outcome, app, judge.choice(release, made) if judge else None, judge)


def _row(
    release: Release,
    rollout: Rollout | None,
    outcome: status.Status,
    app: App,
    choice: Choice | None = None,
    judge: Judge | None = None,
) -> Row:
    release.app = app
    seconds = seconds_taken(rollout) if rollout else None
    of_all = judge.general[choice.action] if judge and choice and choice.action else []
    own = [reason for reason in choice.refusals if reason not in of_all] if choice else []
    return Row(app, release, rollout, outcome, seconds, whence(rollout or release), choice, own)


def _rollouts_of(found: list[Release]) -> dict[str, list[Rollout]]:
    """By release, the newest first."""
    of: dict[str, list[Rollout]] = {}
    rows = Rollout.objects.filter(release__in=[release.pk for release in found]).order_by("-number")
    for rollout in rows.only(*(column for column in ROLLOUT_COLUMNS if "__" not in column), "release_id", "app_id"):
        of.setdefault(rollout.release_id, []).append(rollout)
    return of


def _shared(judge: Judge | None, rows: list[Row]) -> list[policy.Reason]:
    """The reasons that hold for every button of their kind: they are written once, above the table."""
    actions = {row.choice.action for row in rows if row.choice and row.choice.action}
    reasons = [reason for action in sorted(actions) for reason in judge.general[action]] if judge else []
    return list(dict.fromkeys(reasons))


def _apps(app: App | None, wanted: WantedReleases, by: Actor) -> Q:
    if app is not None:
        return Q(app=app)
    reached = policy.reached(App.objects.all(), by=by)
    if wanted.app:
        # Asked for first, so that what is searched is one app by its number.
        return Q(app__in=list(reached.filter(name=wanted.app).values_list("pk", flat=True)))
    return Q() if by.apps is None else Q(app__in=reached)


def _counted(listed: str, wanted: WantedReleases) -> WantedReleases:
    """What the summary counts: rollouts. Of releases that are asked for by who made them, or by what became of them,
    it counts those of the same app and time."""
    if listed == ROLLOUTS:
        return wanted
    return WantedReleases(app=wanted.app, since=wanted.since, until=wanted.until)
